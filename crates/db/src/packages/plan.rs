//! What a relocation would have to move.

use patchwharf_model::{LocationId, PackageId};

use crate::{
    Db, Result,
    sql::{IntoValue, args, record, rows},
};

record!(
    /// What a relocation from one location to another would have to move.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct RelocationTotals {
        /// Packages.
        pub packages: u64,
        /// Versions.
        pub versions: u64,
        /// Bytes of all their files, each as often as it is named.
        pub size_bytes: u64,
        /// Versions that are recorded as damaged or missing.
        pub damaged: u64,
        /// Versions of which an original lies at the new place: they need no room there.
        pub there: u64,
        /// Distinct contents that the new place does not have yet.
        pub contents: u64,
        /// Their bytes.
        pub content_bytes: u64,
    }
);

record!(
    /// A file whose path is long.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LongPath {
        /// The package.
        pub package_id: PackageId,
        /// The version.
        pub version: u64,
        /// The file.
        pub name: String,
    }
);

/// Counts what lies at `from` and would be moved to `to`; `of` names packages, none means all. The same content counts
/// once, and not at all where `to` has it, be it as the version's original.
///
/// # Errors
/// When the database fails.
pub async fn relocation_totals(
    db: &Db,
    from: LocationId,
    to: LocationId,
    of: Option<&[PackageId]>,
) -> Result<RelocationTotals> {
    const WHAT: &str = "count what is to be moved";
    const TOTALS: &str = "WITH moving AS (SELECT v.package_id, v.version, v.state, v.size_bytes, \
         CASE WHEN EXISTS (SELECT 1 FROM original AS o WHERE o.package_id = v.package_id AND o.version = v.version \
         AND o.location_id = $2) THEN 1 ELSE 0 END AS is_there \
         FROM package_version AS v JOIN package AS p ON p.package_id = v.package_id WHERE v.location_id = $1 \
         AND v.state || '' IN ('staged', 'corrupt', 'missing', 'retired') AND (p.current_version = v.version \
         OR EXISTS (SELECT 1 FROM policy_update AS s WHERE s.package_id = v.package_id AND s.version = v.version)) \
         AND ($3 = 0 OR v.package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($4)))), \
         content AS (SELECT DISTINCT f.sha256, f.size_bytes FROM moving AS m CROSS JOIN package_file AS f \
         WHERE m.is_there = 0 AND f.package_id = m.package_id AND f.version = m.version AND f.sha256 IS NOT NULL \
         AND NOT EXISTS \
         (SELECT 1 FROM package_file AS t CROSS JOIN package_version AS w WHERE w.package_id = t.package_id \
         AND w.version = t.version AND t.sha256 = f.sha256 AND t.state || '' = 'staged' AND t.inode + 0 IS NOT NULL \
         AND w.location_id = $2)) SELECT (SELECT COUNT(DISTINCT package_id) FROM moving) AS packages, \
         (SELECT COUNT(*) FROM moving) AS versions, \
         (SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM moving) AS size_bytes, \
         (SELECT COUNT(*) FROM moving WHERE state IN ('corrupt', 'missing')) AS damaged, \
         (SELECT COUNT(*) FROM moving WHERE is_there = 1) AS there, \
         (SELECT COUNT(*) FROM content) AS contents, \
         (SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM content) AS content_bytes";
    let (narrowed, ids) = (of.is_some(), rows(WHAT, of.unwrap_or_default().iter().map(|id| (id,)))?);
    let values = vec![from.into_value(), to.into_value(), narrowed.into_value(), ids];
    Ok(db.first(WHAT, TOTALS, values).await?.unwrap_or_default())
}

/// Files at a location whose names, with the number of their version, are longer than so many characters; `limit` of
/// them.
///
/// # Errors
/// When the database fails.
pub async fn long_paths(db: &Db, location: LocationId, longer_than: u64, limit: u32) -> Result<Vec<LongPath>> {
    const LONG: &str = "SELECT f.package_id, f.version, f.name FROM package_version AS v CROSS JOIN package_file AS f \
         WHERE v.location_id = $1 AND f.package_id = v.package_id AND f.version = v.version \
         AND LENGTH(f.name) + LENGTH(CAST(f.version AS TEXT)) > $2 ORDER BY f.package_id, f.version, f.name LIMIT $3";
    db.all("find files with long paths", LONG, args![location, longer_than, limit]).await
}
