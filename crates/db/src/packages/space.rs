//! How much the store holds, and what of it is the same data on disk.

use patchwharf_model::{PackageId, package::VersionState};

use crate::{
    Db, Result,
    sql::{args, record, rows},
};

record!(
    /// What the proved files of all versions amount to.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Totals {
        /// Packages with such files.
        pub packages: u64,
        /// Files, each as often as it is named.
        pub files: u64,
        /// Bytes of those files, each as often as it is named.
        pub size_bytes: u64,
        /// Bytes on disk: the same data (hard links) once.
        pub disk_bytes: u64,
    }
);

record!(
    /// Packages of one state.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ByState {
        /// The state of the version that is served, else of the newest.
        pub state: VersionState,
        /// How many.
        pub packages: u64,
    }
);

record!(
    /// What deleting some packages would free.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Freed {
        /// Packages that there are in all, replaced ones not counted.
        pub of_packages: u64,
        /// Files of the chosen packages that are on disk, each as often as it is named.
        pub files: u64,
        /// Bytes of those files.
        pub size_bytes: u64,
        /// Bytes that no other package shares.
        pub freed_bytes: u64,
        /// Copies that relocations have left at other locations: they go too.
        pub originals: u64,
        /// Bytes of those copies.
        pub original_bytes: u64,
    }
);

record!(
    /// A file whose data has other names too.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SameData {
        /// The version.
        pub version: u64,
        /// The file.
        pub name: String,
        /// How many other names there are, in this package or others.
        pub others: u64,
    }
);

/// Counts the whole store; a scan.
///
/// # Errors
/// When the database fails.
pub async fn totals(db: &Db) -> Result<Totals> {
    const TOTALS: &str = "SELECT COUNT(DISTINCT package_id) AS packages, COUNT(*) AS files, \
         CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS size_bytes, \
         (SELECT CAST(COALESCE(SUM(d.size_bytes), 0) AS BIGINT) FROM \
         (SELECT DISTINCT dev, inode, size_bytes FROM package_file WHERE inode IS NOT NULL) AS d) AS disk_bytes \
         FROM package_file WHERE inode IS NOT NULL";
    Ok(db.first("count what the store holds", TOTALS, args![]).await?.unwrap_or_default())
}

/// Counts packages by their state; those of no version are not among them.
///
/// # Errors
/// When the database fails.
pub async fn by_state(db: &Db) -> Result<Vec<ByState>> {
    const COUNT: &str =
        "SELECT state, COUNT(*) AS packages FROM package WHERE state IS NOT NULL GROUP BY state ORDER BY state";
    db.all("count packages by state", COUNT, args![]).await
}

/// Counts what deleting these packages would free.
///
/// # Errors
/// When the database fails.
pub async fn freed(db: &Db, packages: &[PackageId]) -> Result<Freed> {
    const WHAT: &str = "count what a deletion would free";
    const FREED: &str = "WITH chosen AS (SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS id FROM json_each($1)), \
         files AS (SELECT f.dev, f.inode, f.size_bytes FROM chosen AS c CROSS JOIN package_file AS f \
         WHERE f.package_id = c.id AND f.inode IS NOT NULL), \
         data AS (SELECT DISTINCT dev, inode, size_bytes FROM files), \
         copies AS (SELECT v.size_bytes FROM chosen AS c CROSS JOIN original AS o JOIN package_version AS v \
         ON v.package_id = o.package_id AND v.version = o.version WHERE o.package_id = c.id) \
         SELECT (SELECT COUNT(*) FROM package WHERE active = 1) AS of_packages, \
         (SELECT COUNT(*) FROM files) AS files, \
         (SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM files) AS size_bytes, \
         (SELECT CAST(COALESCE(SUM(d.size_bytes), 0) AS BIGINT) FROM data AS d WHERE NOT EXISTS \
         (SELECT 1 FROM package_file AS o WHERE o.inode = d.inode AND o.dev = d.dev \
         AND o.package_id NOT IN (SELECT id FROM chosen))) AS freed_bytes, \
         (SELECT COUNT(*) FROM copies) AS originals, \
         (SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM copies) AS original_bytes";
    let found = db.first(WHAT, FREED, vec![rows(WHAT, packages.iter().map(|id| (id,)))?]).await?;
    Ok(found.unwrap_or_default())
}

/// The files of a package whose data has other names.
///
/// # Errors
/// When the database fails.
pub async fn same_data(db: &Db, package: PackageId) -> Result<Vec<SameData>> {
    const SAME: &str = "SELECT f.version, f.name, COUNT(*) - 1 AS others FROM package_file AS f \
         JOIN package_file AS o ON o.inode = f.inode AND o.dev = f.dev \
         WHERE f.package_id = $1 GROUP BY f.version, f.name HAVING COUNT(*) > 1";
    db.all("find the same data under other names", SAME, args![package]).await
}
