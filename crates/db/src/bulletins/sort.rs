//! Sorting and paging by each column.

use jiff::Timestamp;

use super::Bulletin;

macro_rules! sorted {
    ($($sort:ident: $column:literal, $id:literal);+ $(;)?) => {
        impl BulletinSort {
            pub(super) fn order(self, descending: bool) -> &'static str {
                match (self, descending) { $(
                    (Self::$sort, false) => concat!(" ORDER BY ", $column, ", ", $id),
                    (Self::$sort, true) => concat!(" ORDER BY ", $column, " DESC, ", $id, " DESC"),
                )+ }
            }

            /// The condition "after the cursor", around its two parameters.
            pub(super) fn after(self, descending: bool) -> (&'static str, &'static str) {
                match (self, descending) { $(
                    (Self::$sort, false) => (concat!(" AND (", $column, ", ", $id, ") > ("), ", "),
                    (Self::$sort, true) => (concat!(" AND (", $column, ", ", $id, ") < ("), ", "),
                )+ }
            }
        }
    };
}

sorted!(
    Revised: "r.revised_at", "r.bulletin_id"; Released: "r.released_at", "r.bulletin_id";
    Severity: "r.severity", "r.bulletin_id"; Name: "i.name", "i.bulletin_id"; Updates: "c.updates", "c.bulletin_id";
    Packages: "c.packages", "c.bulletin_id"; BadPackages: "c.bad_packages", "c.bulletin_id";
    Policies: "c.policies", "c.bulletin_id"; OldestProof: "c.oldest_proof_at", "c.bulletin_id";
);

impl BulletinSort {
    /// The table that has an index in this order.
    pub(super) fn table(self) -> Table {
        match self {
            Self::Revised | Self::Released | Self::Severity => Table::Revision,
            Self::Name => Table::Identity,
            Self::Updates | Self::Packages | Self::BadPackages | Self::Policies | Self::OldestProof => Table::Count,
        }
    }

    pub(super) fn key(self, row: &Bulletin) -> String {
        let micros = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_microsecond).to_string();
        match self {
            Self::Revised => micros(Some(row.revised_at)),
            Self::Released => micros(row.released_at),
            Self::Name => row.name.clone(),
            Self::Severity => (row.severity as i64).to_string(),
            Self::Updates => row.updates.to_string(),
            Self::Packages => row.packages.to_string(),
            Self::BadPackages => row.bad_packages.to_string(),
            Self::Policies => row.policies.to_string(),
            Self::OldestProof => micros(row.oldest_proof_at),
        }
    }
}

/// The tables that a bulletin's row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Revision,
    Identity,
    Count,
}

/// Columns that bulletins can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BulletinSort {
    /// Last revised.
    #[default]
    Revised,
    /// First released.
    Released,
    /// Name.
    Name,
    /// Vendor severity.
    Severity,
    /// Count of updates.
    Updates,
    /// Count of staged packages.
    Packages,
    /// Count of bad packages.
    BadPackages,
    /// Count of policies.
    Policies,
    /// Oldest proof.
    OldestProof,
}
