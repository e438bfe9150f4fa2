//! Copies that relocations have left behind.

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, package::VersionState};

use crate::{
    Db, Result, Write,
    sql::{IntoValue as _, args, record, rows},
};

record!(
    /// A copy of a version that a relocation has left behind, and where the version is now.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Original {
        /// The package.
        pub package_id: PackageId,
        /// The version.
        pub version: u64,
        /// Where the copy lies.
        pub location_id: LocationId,
        /// Whether it has no bytes of its own (hard link or reflink): then it is no second copy.
        pub same_data: bool,
        /// Since when.
        pub moved_at: Timestamp,
        /// By which job.
        pub job_id: JobId,
        /// Where the version is served from.
        pub served_from: LocationId,
        /// The version's state there.
        pub state: VersionState,
        /// Bytes of its files.
        pub size_bytes: u64,
    }
);

record!(
    /// What the originals at a location amount to.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OriginalTotals {
        /// Versions of which an original lies there.
        pub versions: u64,
        /// Bytes of their files.
        pub size_bytes: u64,
        /// Of those bytes, the ones that are the same data on disk as what is served.
        pub same_data_bytes: u64,
    }
);

macro_rules! originals {
    ($condition:literal) => {
        concat!(
            "SELECT o.package_id, o.version, o.location_id, o.same_data, o.moved_at, o.job_id, ",
            "v.location_id AS served_from, v.state, v.size_bytes FROM ",
            $condition
        )
    };
}

/// The originals at a location that were left there before a time, in id order, `limit` at a time, after the given one.
///
/// # Errors
/// When the database fails.
pub async fn originals_at(
    db: &Db,
    location: LocationId,
    before: Timestamp,
    after: Option<(PackageId, u64)>,
    limit: u32,
) -> Result<Vec<Original>> {
    const AT: &str = originals!(
        "original AS o CROSS JOIN package_version AS v WHERE v.package_id = o.package_id AND v.version = o.version \
         AND o.location_id = $1 AND o.moved_at <= $2 AND (o.package_id, o.version) > ($3, $4) \
         ORDER BY o.package_id, o.version LIMIT $5"
    );
    let (package, version) = match after {
        None => (String::new(), 0),
        Some((package, version)) => (package.to_string(), version),
    };
    db.all("read the originals at a location", AT, args![location, before, package, version, limit]).await
}

/// The originals of these versions, wherever they lie.
///
/// # Errors
/// When the database fails.
pub async fn originals_of(db: &Db, versions: &[(PackageId, u64)]) -> Result<Vec<Original>> {
    const WHAT: &str = "read the originals of versions";
    const OF: &str = originals!(
        "json_each($1) AS j CROSS JOIN original AS o CROSS JOIN package_version AS v \
         WHERE o.package_id = CAST(j.value ->> 0 AS TEXT) AND o.version = CAST(j.value ->> 1 AS BIGINT) \
         AND v.package_id = o.package_id AND v.version = o.version ORDER BY o.package_id, o.version, o.location_id"
    );
    if versions.is_empty() {
        return Ok(Vec::new());
    }
    db.all(WHAT, OF, vec![rows(WHAT, versions)?]).await
}

/// Counts the originals at a location that were left there before a time; `of` names packages, none means all.
///
/// # Errors
/// When the database fails.
pub async fn original_totals(
    db: &Db,
    location: LocationId,
    before: Timestamp,
    of: Option<&[PackageId]>,
) -> Result<OriginalTotals> {
    const WHAT: &str = "count the originals at a location";
    const TOTALS: &str = "SELECT COUNT(*) AS versions, CAST(COALESCE(SUM(v.size_bytes), 0) AS BIGINT) AS size_bytes, \
         CAST(COALESCE(SUM(CASE WHEN o.same_data = 1 THEN v.size_bytes ELSE 0 END), 0) AS BIGINT) AS same_data_bytes \
         FROM original AS o CROSS JOIN package_version AS v WHERE v.package_id = o.package_id \
         AND v.version = o.version AND o.location_id = $1 AND o.moved_at <= $2 \
         AND ($3 = 0 OR o.package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($4)))";
    let (narrowed, ids) = (of.is_some(), rows(WHAT, of.unwrap_or_default().iter().map(|id| (id,)))?);
    let values = vec![location.into_value(), before.into_value(), narrowed.into_value(), ids];
    Ok(db.first(WHAT, TOTALS, values).await?.unwrap_or_default())
}

/// Forgets originals whose files are gone: `(package, version, location)`. Returns how many were known.
///
/// # Errors
/// When the database fails.
pub async fn forget_originals(w: &mut Write<'_>, originals: &[(PackageId, u64, LocationId)]) -> Result<u64> {
    const WHAT: &str = "forget originals that are gone";
    const FORGET: &str = "DELETE FROM original WHERE (package_id, version, location_id) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS TEXT) FROM json_each($1))";
    if originals.is_empty() {
        return Ok(0);
    }
    let gone = w.run(WHAT, FORGET, vec![rows(WHAT, originals)?]).await?;
    for (package, version, location) in originals {
        let before = Some(format!("version {version} at location {location}"));
        w.audit("original.remove", format!("package {package}"), before, None);
    }
    Ok(gone)
}
