//! Sorting and paging by each column.

use jiff::Timestamp;

use super::Package;

macro_rules! sorted {
    ($($sort:ident: $column:literal),+ $(,)?) => {
        impl PackageSort {
            pub(super) fn order(self, descending: bool) -> &'static str {
                match (self, descending) { $(
                    (Self::$sort, false) => concat!(" ORDER BY ", $column, ", p.package_id"),
                    (Self::$sort, true) => concat!(" ORDER BY ", $column, " DESC, p.package_id DESC"),
                )+ }
            }

            pub(super) fn after(self, descending: bool) -> (&'static str, &'static str) {
                match (self, descending) { $(
                    (Self::$sort, false) => (concat!(" AND (", $column, ", p.package_id) > ("), ", "),
                    (Self::$sort, true) => (concat!(" AND (", $column, ", p.package_id) < ("), ", "),
                )+ }
            }
        }
    };
}

sorted!(Created: "p.created_at", Since: "p.since", Size: "p.size_bytes", Verified: "p.verified_at");

impl PackageSort {
    pub(super) fn key(self, row: &Package) -> i64 {
        match self {
            Self::Created => row.created_at.as_microsecond(),
            Self::Since => row.since.unwrap_or(row.created_at).as_microsecond(),
            Self::Size => crate::sql::saturate(row.size_bytes.unwrap_or_default()),
            Self::Verified => row.verified_at.map_or(0, Timestamp::as_microsecond),
        }
    }
}

/// Columns that packages can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PackageSort {
    /// When it was made.
    #[default]
    Created,
    /// State's time.
    Since,
    /// Bytes.
    Size,
    /// Oldest look at a file.
    Verified,
}
