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
    Revised: "c.revised_at", "c.bulletin_id"; Released: "c.released_at", "c.bulletin_id";
    Severity: "c.severity", "c.bulletin_id"; Name: "i.name", "i.bulletin_id"; Updates: "c.updates", "c.bulletin_id";
    Packages: "c.packages", "c.bulletin_id"; BadPackages: "c.bad_packages", "c.bulletin_id";
    CustomSeverity: "COALESCE(i.custom_severity, '')", "i.bulletin_id";
    Downloaded: "CASE WHEN c.bad_packages > 0 THEN 0 WHEN c.packages = 0 THEN 1 WHEN c.packages < c.updates THEN 2 ELSE 3 END", "c.bulletin_id";
    Policies: "c.policies", "c.bulletin_id"; OldestProof: "c.oldest_proof_at", "c.bulletin_id";
);

impl BulletinSort {
    /// The table that has an index in this order.
    pub(super) fn table(self) -> Table {
        match self {
            Self::Name | Self::CustomSeverity => Table::Identity,
            _ => Table::Count,
        }
    }

    /// Whether its key is a text, not a number.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Name | Self::CustomSeverity)
    }

    pub(super) fn key(self, row: &Bulletin) -> String {
        let micros = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_microsecond).to_string();
        match self {
            Self::Revised => micros(Some(row.revised_at)),
            Self::Released => micros(row.released_at),
            Self::Name => row.name.clone(),
            Self::CustomSeverity => row.custom_severity.clone().unwrap_or_default(),
            Self::Downloaded => on_disk(row).to_string(),
            Self::Severity => (row.severity as i64).to_string(),
            Self::Updates => row.updates.to_string(),
            Self::Packages => row.packages.to_string(),
            Self::BadPackages => row.bad_packages.to_string(),
            Self::Policies => row.policies.to_string(),
            Self::OldestProof => micros(row.oldest_proof_at),
        }
    }
}

/// How much of a bulletin is on disk, as the statement above says it.
fn on_disk(row: &Bulletin) -> u8 {
    match row {
        row if row.bad_packages > 0 => 0,
        row if row.packages == 0 => 1,
        row if row.packages < row.updates => 2,
        _ => 3,
    }
}

/// The tables that a bulletin's row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
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
    /// The administrator's own severity, by its letters; none comes first.
    CustomSeverity,
    /// How much is on disk: damaged, nothing, a part, all.
    Downloaded,
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
