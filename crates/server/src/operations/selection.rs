//! Selections: from what was asked for to updates and their packages, in a bounded number of queries.

use std::collections::BTreeSet;

use patchwharf_db::{
    Db, packages,
    packages::{PackageFilter, PackageQuery, PackageSort},
    updates,
    updates::Update,
};
use patchwharf_model::{PackageId, UpdateId, job::Selection};

use super::OperationError;

/// Ids in one query.
const CHUNK: usize = 1_000;

/// Why an update is not staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// The vendor took it back.
    Withdrawn,
    /// A newer update of the catalogue takes its place.
    Superseded,
    /// The catalogue (or the feed's rules) gives it no file.
    NoFiles,
}

impl LeftOut {
    /// Whether, and why, an update is out of scope.
    pub(crate) fn of(update: &Update) -> Option<Self> {
        if update.withdrawn {
            Some(Self::Withdrawn)
        } else if update.superseded_by.is_some() {
            Some(Self::Superseded)
        } else if update.files.is_empty() {
            Some(Self::NoFiles)
        } else {
            None
        }
    }

    /// The reason for people.
    pub(crate) fn reason(self, update: &Update) -> String {
        match self {
            Self::Withdrawn => "the vendor has withdrawn it".to_owned(),
            Self::Superseded => {
                format!("superseded by {}", update.superseded_by.as_deref().unwrap_or("a newer update"))
            }
            Self::NoFiles => "it has no files for the languages and architectures that the feed chooses".to_owned(),
        }
    }
}

/// The updates that a selection names, at their feeds' current generation, each once, by bulletin and key.
///
/// # Errors
/// The database failed.
pub(crate) async fn updates_of(db: &Db, of: &Selection) -> Result<Vec<Update>, OperationError> {
    let mut found = Vec::new();
    match of {
        Selection::Bulletins(ids) => {
            for ids in ids.chunks(CHUNK) {
                found.extend(updates::by_bulletins(db, ids).await?);
            }
        }
        Selection::Updates(ids) => found = by_ids(db, ids.iter().copied()).await?,
        Selection::Packages(_) | Selection::All => {
            let packages = packages_of(db, of).await?;
            found = by_ids(db, updates_of_packages(db, &packages).await?).await?;
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|update| seen.insert(update.update_id));
    Ok(found)
}

/// The packages that a selection names: with bulletins and updates their active packages, with `All` every active one.
///
/// # Errors
/// The database failed.
pub(crate) async fn packages_of(db: &Db, of: &Selection) -> Result<Vec<PackageId>, OperationError> {
    let packages: BTreeSet<PackageId> = match of {
        Selection::Packages(ids) => ids.iter().copied().collect(),
        Selection::Bulletins(_) | Selection::Updates(_) => {
            Box::pin(updates_of(db, of)).await?.into_iter().filter_map(|update| update.package_id).collect()
        }
        Selection::All => all_active(db).await?,
    };
    Ok(packages.into_iter().collect())
}

/// The same for an operation that goes over everything anyway; none: nothing is left out.
///
/// # Errors
/// The database failed.
pub(crate) async fn chosen(db: &Db, of: &Selection) -> Result<Option<Vec<PackageId>>, OperationError> {
    match of {
        Selection::All => Ok(None),
        of => Ok(Some(packages_of(db, of).await?)),
    }
}

async fn by_ids(db: &Db, ids: impl IntoIterator<Item = UpdateId>) -> Result<Vec<Update>, OperationError> {
    let ids: Vec<UpdateId> = ids.into_iter().collect();
    let mut found = Vec::new();
    for ids in ids.chunks(CHUNK) {
        found.extend(updates::by_ids(db, ids).await?);
    }
    Ok(found)
}

async fn updates_of_packages(db: &Db, ids: &[PackageId]) -> Result<BTreeSet<UpdateId>, OperationError> {
    let mut found = BTreeSet::new();
    for ids in ids.chunks(CHUNK) {
        found.extend(packages::versions(db, ids).await?.into_iter().map(|version| version.update_id));
    }
    Ok(found)
}

async fn all_active(db: &Db) -> Result<BTreeSet<PackageId>, OperationError> {
    let mut query = PackageQuery {
        filter: PackageFilter { active: Some(true), ..PackageFilter::default() },
        sort: PackageSort::Created,
        descending: false,
        cursor: None,
        limit: 1_000,
        with_total: false,
    };
    let mut found = BTreeSet::new();
    loop {
        let page = packages::list(db, &query).await?;
        found.extend(page.rows.into_iter().map(|package| package.package_id));
        query.cursor = page.next;
        if query.cursor.is_none() {
            return Ok(found);
        }
    }
}
