//! Saved views: filter and order of a table under a name.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, named::names};

/// A table whose views can be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ViewPlace {
    /// Bulletins.
    Bulletins,
    /// Software packages.
    Packages,
}

names!(ViewPlace, BadViewPlace, "a table with saved views", Bulletins = "bulletins", Packages = "packages");

/// A saved view of the own account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct View {
    /// The table.
    pub place: ViewPlace,
    /// Its name.
    pub name: String,
    /// Filter and order, as the address of the page has them after `?`.
    pub query: String,
    /// When it was saved.
    pub saved_at: Timestamp,
}

/// What a view is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewSave {
    /// Filter and order, as the address of the page has them after `?`: at most 2,000 characters. The place in the table (`cursor`,
    /// `at`) is left out: a view begins at its first row.
    pub query: String,
}
