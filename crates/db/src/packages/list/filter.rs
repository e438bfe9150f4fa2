//! Which packages a list shows.

use patchwharf_model::{BulletinId, LocationId, UpdateId, package::VersionState};

use crate::{
    Db, Result,
    search::Search,
    sql::{Builder, Number},
};

/// Packages that are worth fetching by themselves and sorting: where more match, going through the list in its order fills a
/// page sooner.
pub(super) const FEW: u32 = 2_000;

/// Whether so few packages are in one of the states that they are fetched by it and sorted. PostgreSQL judges by itself.
///
/// # Errors
/// When the database fails.
pub(super) async fn are_few(db: &Db, states: &[VersionState]) -> Result<bool> {
    if states.is_empty() || db.is_shared() {
        return Ok(true);
    }
    let mut sql = Builder::new("SELECT COUNT(*) AS number FROM (SELECT 1 FROM package WHERE state IN (''");
    for state in states {
        sql.push(", ", *state);
    }
    sql.push(") LIMIT ", FEW + 1).text(")");
    let (sql, args) = sql.build();
    let found = db.first::<Number>("count packages in a state", sql, args).await?;
    Ok(found.is_none_or(|found| found.number <= i64::from(FEW)))
}

/// Adds the conditions; the words of the filter are in `search`, and `by_index` says whether to begin with what an index names.
pub(super) fn narrow(sql: &mut Builder, filter: &PackageFilter, search: &Search, by_index: bool) {
    search.narrow(sql);
    // What is no plain column is looked up in no index.
    if !filter.states.is_empty() {
        sql.text(if by_index { " AND p.state IN (''" } else { " AND p.state || '' IN (''" });
        for state in &filter.states {
            sql.push(", ", *state);
        }
        sql.text(")");
    }
    if let Some(bulletin) = filter.bulletin {
        sql.push(" AND r.bulletin_id = ", bulletin);
    }
    if let Some(update) = filter.update {
        sql.push(" AND p.update_id = ", update);
    }
    // Where something else is asked for too, many may fit these: going through them and sorting takes long.
    let by_mark = by_index && filter.is_of_packages_alone();
    if let Some(location) = filter.location {
        sql.text(if by_mark { " AND p.location_id" } else { " AND p.location_id || ''" }).push(" = ", location);
    }
    let plain = if by_index { "" } else { " + 0" };
    let plain_mark = if by_mark { "" } else { " + 0" };
    if let Some(active) = filter.active {
        sql.text(" AND p.active").text(plain).push(" = ", active);
    }
    // In the words of their indexes.
    if let Some(weak) = filter.weak {
        sql.text(" AND p.weak").text(plain_mark).text(if weak { " = 1" } else { " = 0" });
    }
    if let Some(unproved) = filter.unproved {
        sql.text(" AND p.unproved").text(plain_mark).text(if unproved { " = 1" } else { " = 0" });
    }
}

impl PackageFilter {
    /// Whether nothing is asked of but columns of packages themselves.
    pub(super) fn is_of_packages_alone(&self) -> bool {
        let Self { states: _, bulletin, update: _, location: _, active: _, text, weak: _, unproved: _ } = self;
        bulletin.is_none() && text.as_deref().is_none_or(|text| text.trim().is_empty())
    }
}

/// Which packages. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct PackageFilter {
    /// One of these states (of the version that the list shows).
    pub states: Vec<VersionState>,
    /// Of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// Of this update.
    pub update: Option<UpdateId>,
    /// At this location.
    pub location: Option<LocationId>,
    /// Active or not.
    pub active: Option<bool>,
    /// Part of the update's key, the title or the bulletin's name, in any case.
    pub text: Option<String>,
    /// Pinned by SHA-1 only.
    pub weak: Option<bool>,
    /// Not vouched for by anybody yet.
    pub unproved: Option<bool>,
}
