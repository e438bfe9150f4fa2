//! Rows that are made again from what lies on disk.

mod older;

use std::collections::HashSet;

use jiff::Timestamp;
use patchwharf_model::{LocationId, PackageId, Sha256, UpdateId, update::VendorDigest};

pub use older::{Older, OlderFile, RebuiltOriginal, rebuild_older, rebuild_originals};

use super::{Proof, StagedFile, proof};
use crate::{
    Db, Result, Write, derived, policies,
    sql::{IntoValue, Text, record, rows},
};

/// A version that was found whole on disk, and of which the database knows nothing.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The package.
    pub package_id: PackageId,
    /// Its number.
    pub version: u64,
    /// The number that the package's next version gets: no folder on disk has it.
    pub next_version: u64,
    /// Its update.
    pub update_id: UpdateId,
    /// Where it lies.
    pub location_id: LocationId,
    /// When it was staged.
    pub staged_at: Timestamp,
    /// Whether some file is pinned by SHA-1 only.
    pub weak: bool,
    /// Whether nobody vouches for its digests yet.
    pub unproved: bool,
    /// SHA-256 over names, sizes and digests of its files.
    pub files_digest: Sha256,
    /// All files with their proofs.
    pub files: Vec<StagedFile>,
    /// What the vendor pins, and where it came from, of each file.
    pub vendor: Vec<(VendorDigest, Option<String>)>,
}

record!(
    struct Active {
        update_id: UpdateId,
    }
);

/// Which of these packages the database knows.
///
/// # Errors
/// When the database fails.
pub async fn known_packages(db: &Db, packages: &[PackageId]) -> Result<HashSet<PackageId>> {
    const WHAT: &str = "find packages that are known";
    const KNOWN: &str = "SELECT p.package_id AS text FROM json_each($1) AS j \
         JOIN package AS p ON p.package_id = CAST(j.value ->> 0 AS TEXT)";
    let known: Vec<Text> = db.all(WHAT, KNOWN, vec![rows(WHAT, packages.iter().map(|id| (id,)))?]).await?;
    Ok(known.into_iter().filter_map(|row| row.text.parse().ok()).collect())
}

/// Which of these updates have a package.
///
/// # Errors
/// When the database fails.
pub async fn with_package(db: &Db, updates: &[UpdateId]) -> Result<HashSet<UpdateId>> {
    const WHAT: &str = "find updates that have packages";
    const TAKEN: &str = "SELECT p.update_id FROM json_each($1) AS j \
         JOIN package AS p ON p.update_id = CAST(j.value ->> 0 AS TEXT) AND p.active = 1";
    let taken: Vec<Active> = db.all(WHAT, TAKEN, vec![rows(WHAT, updates.iter().map(|id| (id,)))?]).await?;
    Ok(taken.into_iter().map(|row| row.update_id).collect())
}

/// Makes the rows of versions, each with its package, and makes them current. A package that is known, and an update that
/// has a package, are left as they are. Returns the packages that were made.
///
/// # Errors
/// When the database fails; then nothing was changed.
pub async fn rebuild(w: &mut Write<'_>, versions: &[Rebuilt]) -> Result<HashSet<PackageId>> {
    const WHAT: &str = "make the rows of packages again";
    const TAKEN: &str = "SELECT p.update_id FROM json_each($1) AS j \
         JOIN package AS p ON p.update_id = CAST(j.value ->> 1 AS TEXT) AND p.active = 1";
    const PACKAGES: &str = "INSERT INTO package (package_id, update_id, active, current_version, next_version, token, \
         since, size_bytes, proved_at, created_at) SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS TEXT), 1, \
         CAST(value ->> 2 AS BIGINT), CAST(value ->> 4 AS BIGINT), 1, $1, 0, 0, CAST(value ->> 3 AS BIGINT) \
         FROM json_each($2) WHERE true ON CONFLICT (package_id) DO NOTHING RETURNING package_id AS text";
    const VERSIONS: &str = "INSERT INTO package_version (package_id, version, state, since, location_id, weak, unproved, \
         size_bytes, files_digest) SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), 'staged', $1, \
         CAST(value ->> 2 AS TEXT), CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT), \
         CAST(value ->> 5 AS BIGINT), CAST(value ->> 6 AS TEXT) FROM json_each($2)";
    const FILES: &str = "INSERT INTO package_file (state, package_id, version, name, size_bytes, sha256, vendor_digest, \
         url, dev, inode) SELECT 'staged', CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), \
         CAST(value ->> 2 AS TEXT), CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS TEXT), CAST(value ->> 5 AS TEXT), \
         CAST(value ->> 6 AS TEXT), CAST(value ->> 7 AS BIGINT), CAST(value ->> 8 AS BIGINT) FROM json_each($1)";
    let now = w.now();
    let asked = rows(WHAT, versions.iter().map(|v| (v.package_id, v.update_id)))?;
    let taken: Vec<Active> = w.all(WHAT, TAKEN, vec![asked]).await?;
    let mut taken: HashSet<UpdateId> = taken.into_iter().map(|row| row.update_id).collect();
    let free: Vec<&Rebuilt> = versions.iter().filter(|v| taken.insert(v.update_id)).collect();
    let lines = free.iter().map(|v| {
        let next = v.next_version.max(v.version + 1);
        (v.package_id, v.update_id, v.version, v.staged_at.as_microsecond(), next)
    });
    let made: Vec<Text> = w.all(WHAT, PACKAGES, vec![now.into_value(), rows(WHAT, lines)?]).await?;
    let made: HashSet<PackageId> = made.into_iter().filter_map(|row| row.text.parse().ok()).collect();
    let made_versions: Vec<&Rebuilt> = free.into_iter().filter(|v| made.contains(&v.package_id)).collect();
    let lines = made_versions.iter().map(|v| {
        let size_bytes: u64 = v.files.iter().map(|file| file.size_bytes).sum();
        let (weak, unproved) = (i64::from(v.weak), i64::from(v.unproved));
        (v.package_id, v.version, v.location_id, weak, unproved, size_bytes, v.files_digest)
    });
    w.run(WHAT, VERSIONS, vec![now.into_value(), rows(WHAT, lines)?]).await?;
    let (mut files, mut proofs) = (Vec::new(), Vec::new());
    for v in &made_versions {
        for (file, (vendor, url)) in v.files.iter().zip(&v.vendor) {
            let vendor = serde_json::to_string(vendor).unwrap_or_default();
            let (dev, inode) = (file.stamp.dev.cast_signed(), file.stamp.inode.cast_signed());
            files.push((v.package_id, v.version, &file.name, file.size_bytes, file.sha256, vendor, url, dev, inode));
            let (stamp, sha256, verified_at) = (file.stamp, file.sha256, file.verified_at);
            proofs.push((v.location_id, Proof { stamp, sha256, verified_at }));
        }
    }
    w.run(WHAT, FILES, vec![rows(WHAT, files)?]).await?;
    let sharers = proof::put(w, WHAT, None, &proofs).await?;
    policies::follow(w, made_versions.iter().map(|v| (v.package_id, v.version))).await?;
    derived::packages(w, made.iter().copied().chain(sharers)).await?;
    for v in &made_versions {
        let mark = if v.unproved { ", unproved" } else { "" };
        let after = format!("version {}{mark}", v.version);
        w.audit("package.rebuild", format!("package {}", v.package_id), None, Some(after));
    }
    Ok(made)
}
