//! From differences between database and store to findings.

use std::sync::Arc;

use patchwharf_model::{PackageId, finding::FindingKind};
use patchwharf_store::{Location, StagingKind, layout};

use super::{
    check::Check,
    judge::{Draft, OURS, of_access},
    words::of_location,
};
use crate::{
    operations::{
        OperationError,
        assembly::told::with_causes,
        compare::{self, Difference},
        cores,
    },
    words::{bytes, count},
};

/// Findings in one transaction.
const CHUNK: usize = 500;

impl Check<'_> {
    /// Notes what a comparison gave, and keeps it for the repair. Rows whose folders are gone say so at once: nothing of
    /// them is offered any more.
    pub(super) async fn note_differences(
        &mut self,
        location: &Arc<Location>,
        differences: Vec<Difference>,
    ) -> Result<(), OperationError> {
        let (missing, mut rest): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(|difference| matches!(difference, Difference::Missing { .. }));
        let missing = compare::settle(&self.who, location, missing).await?;
        rest.extend(missing.into_iter().map(|(difference, _)| difference));
        for piece in rest.chunks(CHUNK) {
            self.note(piece.iter().map(|difference| draft(location, difference)).collect()).await?;
        }
        self.differences.extend(rest.into_iter().map(|difference| (Arc::clone(location), difference)));
        Ok(())
    }

    /// The folders of the location itself, where others can change them.
    pub(super) async fn own_folders(&mut self, location: &Arc<Location>) -> Result<(), OperationError> {
        let own = Arc::clone(location);
        let drafts = match cores::blocking(move || own.own_access()).await? {
            Ok(bad) => bad
                .into_iter()
                .filter_map(|one| {
                    let (kind, found) = of_access(one.access, FindingKind::FolderOpen, FindingKind::FolderClosed)?;
                    Some(of_location(kind, location.id(), one.path.as_str(), OURS, found))
                })
                .collect(),
            Err(error) => {
                let found = with_causes(&error);
                vec![of_location(FindingKind::LocationUnreadable, location.id(), "", "its own folders", found)]
            }
        };
        self.note(drafts).await
    }
}

/// The finding that a difference is.
pub(super) fn draft(location: &Location, difference: &Difference) -> Draft {
    use FindingKind as Kind;
    let of = |kind, package: PackageId, version: u64, expected: &str, found: String| Draft {
        version: Some((package, version)),
        ..of_location(kind, location.id(), layout::version_path(package, version).as_str(), expected, found)
    };
    let at = |kind, path: &str, expected: &str, found: String| of_location(kind, location.id(), path, expected, found);
    match difference {
        Difference::Unusable { why } => at(Kind::LocationUnreadable, "", "the location that was opened", why.clone()),
        Difference::Unreadable { path, why } => {
            let kind = if path.as_str().is_empty() { Kind::LocationUnreadable } else { Kind::FolderUnreadable };
            at(kind, path.as_str(), "a folder that can be read", why.clone())
        }
        Difference::Lost { manifest, update } => {
            let found = format!("a folder signed by this server, of update {}", update.update_key);
            of(Kind::RowLost, manifest.package, manifest.version, "a row in the database", found)
        }
        Difference::Orphan { package, version, why } => {
            of(Kind::FolderOrphan, *package, *version, "nothing: no row knows it", why.clone())
        }
        Difference::Foreign { package, version, why } => {
            of(Kind::FolderForeign, *package, *version, "only folders made by this server", why.clone())
        }
        Difference::Twice { package, version, belongs } => {
            let expected = format!("nothing: the database has it at location {belongs}");
            of(Kind::FolderTwice, *package, *version, &expected, "a folder of this version here too".to_owned())
        }
        Difference::OriginalGone { package, version } => {
            let found = "its folder was removed".to_owned();
            of(Kind::OriginalMissing, *package, *version, "the original that a relocation has left behind", found)
        }
        Difference::Missing { verdict, .. } => {
            let files = verdict.files.len();
            let expected = format!("a folder with {}", count(files as u64, "file"));
            of(Kind::FolderMissing, verdict.held.package_id, verdict.held.version, &expected, "nothing".to_owned())
        }
        Difference::Gone(held) => {
            let found = "its folder is gone already".to_owned();
            of(Kind::RowAbandoned, held.package_id, held.version, "no row, or the folder of a retired version", found)
        }
        Difference::Abandoned { held, job } => {
            let found = format!("job {job} began it and broke off");
            of(Kind::RowAbandoned, held.package_id, held.version, "a version that a job brings to its end", found)
        }
        Difference::Stuck { held, why } => {
            of(Kind::DeletionUnfinished, held.package_id, held.version, "nothing: it is being deleted", why.clone())
        }
        Difference::Empty { package } => {
            let found = "an empty folder".to_owned();
            at(Kind::FolderEmpty, &package.to_string(), "a folder with a version in it, or none", found)
        }
        Difference::Stranger { path } => {
            at(Kind::FileForeign, path.as_str(), "nothing that is not ours", "something that is not ours".to_owned())
        }
        Difference::Staging(left) => {
            let path = format!("{}/{}", layout::STAGING, left.name);
            let found = bytes(left.size_bytes);
            match left.kind {
                StagingKind::Foreign => at(Kind::FileForeign, &path, "nothing that is not ours", found),
                _ => at(Kind::StagingLeftover, &path, "nothing: nobody waits for it", found),
            }
        }
        Difference::Aside { item, keep_until, .. } => {
            let until = keep_until.map_or_else(|| "kept for ever".to_owned(), |end| format!("kept until {end}"));
            let found = format!("{}, set aside at {}", bytes(item.size_bytes), item.since);
            at(Kind::Quarantined, item.path.as_str(), &until, found)
        }
    }
}
