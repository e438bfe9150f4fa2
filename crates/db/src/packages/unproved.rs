//! Versions whose digests nobody vouches for yet.

use patchwharf_model::{LocationId, PackageId};

use crate::{
    Db, Result, Write, derived, policies,
    sql::{args, record, rows},
};

record!(
    /// A version that is not served because its digests are named by nobody.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Unproved {
        /// The package.
        pub package_id: PackageId,
        /// The version.
        pub version: u64,
        /// Where it lies.
        pub location_id: LocationId,
        /// The feed that its manifest names.
        pub feed: String,
    }
);

record!(
    struct Named {
        package_id: PackageId,
        version: u64,
    }
);

const WHAT: &str = "take the mark unproved from versions";

macro_rules! named {
    ($rest:literal) => {
        concat!(
            "SELECT v.package_id, v.version FROM package_version AS v ",
            "JOIN package AS p ON p.package_id = v.package_id JOIN update_revision AS r ON r.update_id = p.update_id ",
            "JOIN feed AS f ON f.feed_id = r.feed_id WHERE v.unproved = 1 AND f.removed_at IS NULL AND r.listed = 1 ",
            "AND r.withdrawn = 0 AND r.files_digest = v.files_digest AND r.from_gen <= f.current_generation ",
            "AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) ",
            $rest
        )
    };
}

/// The current versions that are unproved, by package.
///
/// # Errors
/// When the database fails.
pub async fn unproved(db: &Db) -> Result<Vec<Unproved>> {
    const FIND: &str = "SELECT v.package_id, v.version, v.location_id, f.name AS feed FROM package_version AS v \
         JOIN package AS p ON p.package_id = v.package_id AND p.current_version = v.version AND p.active = 1 \
         JOIN software_update AS i ON i.update_id = p.update_id JOIN feed AS f ON f.feed_id = i.feed_id \
         WHERE v.unproved = 1 ORDER BY v.package_id";
    db.all("find unproved packages", FIND, args![]).await
}

/// Takes the mark from up to `limit` versions of which a feed's current catalogue lists the update with the same content by
/// now; policies point at them from then on. Returns how many; fewer than `limit`: there are no more.
///
/// # Errors
/// When the database fails.
pub async fn prove_named(w: &mut Write<'_>, limit: u32) -> Result<u64> {
    const FIND: &str = named!("ORDER BY v.package_id, v.version LIMIT $1");
    let named: Vec<Named> = w.all(WHAT, FIND, args![limit]).await?;
    let named: Vec<(PackageId, u64)> = named.into_iter().map(|v| (v.package_id, v.version)).collect();
    take_mark(w, &named, "named by its feed").await
}

/// The same for one version.
pub(super) async fn prove_if_named(w: &mut Write<'_>, package: PackageId, version: u64) -> Result<()> {
    const FIND: &str = named!("AND v.package_id = $1 AND v.version = $2");
    let named: Vec<Named> = w.all(WHAT, FIND, args![package, version]).await?;
    let named: Vec<(PackageId, u64)> = named.into_iter().map(|v| (v.package_id, v.version)).collect();
    take_mark(w, &named, "named by its feed").await.map(drop)
}

/// Takes the mark from these versions: a key that is trusted has signed their digests. Returns how many had it.
///
/// # Errors
/// When the database fails.
pub async fn prove_signed(w: &mut Write<'_>, versions: &[(PackageId, u64)]) -> Result<u64> {
    const MARKED: &str = "SELECT v.package_id, v.version FROM json_each($1) AS j \
         JOIN package_version AS v ON v.package_id = CAST(j.value ->> 0 AS TEXT) \
         AND v.version = CAST(j.value ->> 1 AS BIGINT) WHERE v.unproved = 1 ORDER BY v.package_id, v.version";
    let marked: Vec<Named> = w.all(WHAT, MARKED, vec![rows(WHAT, versions)?]).await?;
    let marked: Vec<(PackageId, u64)> = marked.into_iter().map(|v| (v.package_id, v.version)).collect();
    take_mark(w, &marked, "signed by a trusted key").await
}

async fn take_mark(w: &mut Write<'_>, versions: &[(PackageId, u64)], why: &str) -> Result<u64> {
    const PROVE: &str = "UPDATE package_version SET unproved = 0 FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, \
         CAST(value ->> 1 AS BIGINT) AS number FROM json_each($1)) AS j \
         WHERE package_version.package_id = j.id AND package_version.version = j.number";
    const CURRENT: &str = "SELECT p.package_id, p.current_version AS version FROM json_each($1) AS j \
         JOIN package AS p ON p.package_id = CAST(j.value ->> 0 AS TEXT) \
         AND p.current_version = CAST(j.value ->> 1 AS BIGINT) ORDER BY p.package_id";
    if versions.is_empty() {
        return Ok(0);
    }
    let batch = rows(WHAT, versions)?;
    w.run(WHAT, PROVE, vec![batch.clone()]).await?;
    let current: Vec<Named> = w.all(WHAT, CURRENT, vec![batch]).await?;
    policies::follow(w, current.iter().map(|v| (v.package_id, v.version))).await?;
    derived::packages(w, versions.iter().map(|(package, _)| *package)).await?;
    for (package, version) in versions {
        let before = format!("version {version} unproved");
        w.audit("package.prove", format!("package {package}"), Some(before), Some(why.to_owned()));
    }
    Ok(versions.len() as u64)
}
