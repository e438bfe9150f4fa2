//! Which packages a list shows.

use patchwharf_model::{BulletinId, LocationId, UpdateId, package::VersionState};

use crate::{search::Search, sql::Builder};

/// Adds the conditions; the words of the filter are in `search`.
pub(super) fn narrow(sql: &mut Builder, filter: &PackageFilter, search: &Search) {
    search.narrow(sql);
    if !filter.states.is_empty() {
        sql.text(" AND p.state IN (''");
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
