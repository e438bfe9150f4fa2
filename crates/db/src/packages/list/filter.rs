//! Which packages a list shows.

use patchwharf_model::{BulletinId, LocationId, UpdateId, package::VersionState};

use crate::{
    Db, Result,
    search::Search,
    sql::{Builder, Number},
};

/// Packages that are worth sorting: where more are in a state, going through the list in its order fills a page sooner.
const FEW: i64 = 2_000;

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
    Ok(db.first::<Number>("count packages in a state", sql, args).await?.is_none_or(|found| found.number <= FEW))
}

/// Adds the conditions; the words of the filter are in `search`, and `by_state` says whether to begin with the states.
pub(super) fn narrow(sql: &mut Builder, filter: &PackageFilter, search: &Search, by_state: bool) {
    search.narrow(sql);
    if !filter.states.is_empty() {
        // What is no plain column is looked up in no index.
        sql.text(if by_state { " AND p.state IN (''" } else { " AND p.state || '' IN (''" });
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
    if let Some(location) = filter.location {
        sql.push(" AND v.location_id = ", location);
    }
    if let Some(active) = filter.active {
        sql.push(" AND p.active = ", active);
    }
    if let Some(weak) = filter.weak {
        sql.push(" AND v.weak = ", weak);
    }
    if let Some(unproved) = filter.unproved {
        sql.push(" AND v.unproved = ", unproved);
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
