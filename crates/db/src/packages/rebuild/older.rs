//! Older versions and replaced packages of updates whose newest was made again.

use jiff::Timestamp;
use patchwharf_model::{FileName, JobId, LocationId, PackageId, Sha256, UpdateId, update::VendorDigest};

use crate::{
    Result, Write, derived,
    sql::{IntoValue, rows},
};

/// A version that lies on disk, and that another version or package of its update has replaced.
#[derive(Clone, Debug)]
pub struct Older {
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
    /// Whether nobody vouches for its digests yet.
    pub unproved: bool,
    /// SHA-256 over names, sizes and digests of its files.
    pub files_digest: Sha256,
    /// Its files, as its manifest has them. Nobody has hashed them: they are when one is asked for.
    pub files: Vec<OlderFile>,
}

/// A file of it.
#[derive(Clone, Debug)]
pub struct OlderFile {
    /// Its name.
    pub name: FileName,
    /// Length.
    pub size_bytes: u64,
    /// What it must be.
    pub sha256: Sha256,
    /// What the vendor pins.
    pub vendor_digest: VendorDigest,
    /// Where it came from.
    pub url: Option<String>,
}

/// Makes the rows of versions that are replaced already: retired, to be unlinked after `retire_after` as if they had been
/// replaced now. What is known is left as it is. Returns how many were made.
///
/// # Errors
/// When the database fails; then nothing was changed.
pub async fn rebuild_older(w: &mut Write<'_>, retire_after: Timestamp, versions: &[Older]) -> Result<u64> {
    const WHAT: &str = "make the rows of replaced packages again";
    const PACKAGES: &str = "INSERT INTO package (package_id, update_id, active, next_version, token, since, size_bytes, \
         proved_at, created_at) SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS TEXT), 0, \
         CAST(value ->> 2 AS BIGINT), 1, $1, 0, 0, CAST(value ->> 3 AS BIGINT) FROM json_each($2) WHERE true \
         ON CONFLICT (package_id) DO NOTHING";
    const VERSIONS: &str = "INSERT INTO package_version (package_id, version, state, since, retire_after, location_id, weak, \
         unproved, size_bytes, files_digest) SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), 'retired', \
         $1, $2, CAST(value ->> 2 AS TEXT), CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT), \
         CAST(value ->> 5 AS BIGINT), CAST(value ->> 6 AS TEXT) FROM json_each($3) WHERE true \
         ON CONFLICT (package_id, version) DO NOTHING";
    const FILES: &str = "INSERT INTO package_file (state, package_id, version, name, size_bytes, sha256, vendor_digest, url) \
         SELECT 'staged', CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS TEXT), \
         CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS TEXT), CAST(value ->> 5 AS TEXT), CAST(value ->> 6 AS TEXT) \
         FROM json_each($1) WHERE true ON CONFLICT (package_id, version, name) DO NOTHING";
    if versions.is_empty() {
        return Ok(0);
    }
    let now = w.now();
    let lines = versions.iter().map(|v| (v.package_id, v.update_id, v.next_version, v.staged_at.as_microsecond()));
    w.run(WHAT, PACKAGES, vec![now.into_value(), rows(WHAT, lines)?]).await?;
    let lines = versions.iter().map(|v| {
        let size_bytes: u64 = v.files.iter().map(|file| file.size_bytes).sum();
        let weak = v.files.iter().any(|file| matches!(file.vendor_digest, VendorDigest::Sha1(_)));
        let (weak, unproved) = (i64::from(weak), i64::from(v.unproved));
        (v.package_id, v.version, v.location_id, weak, unproved, size_bytes, v.files_digest)
    });
    let lines = rows(WHAT, lines)?;
    let made = w.run(WHAT, VERSIONS, vec![now.into_value(), retire_after.into_value(), lines]).await?;
    let mut files = Vec::new();
    for v in versions {
        for file in &v.files {
            let vendor = serde_json::to_string(&file.vendor_digest).unwrap_or_default();
            files.push((v.package_id, v.version, &file.name, file.size_bytes, file.sha256, vendor, &file.url));
        }
    }
    w.run(WHAT, FILES, vec![rows(WHAT, files)?]).await?;
    derived::packages(w, versions.iter().map(|v| v.package_id)).await?;
    for v in versions {
        w.audit(
            "package.rebuild",
            format!("package {}", v.package_id),
            None,
            Some(format!("version {}, retired", v.version)),
        );
    }
    Ok(made)
}

/// A copy of a version that was made again, at another location.
#[derive(Clone, Copy, Debug)]
pub struct RebuiltOriginal {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// Where the copy lies.
    pub location_id: LocationId,
    /// Whether it has no bytes of its own (a hard link).
    pub same_data: bool,
}

/// Records second copies as what a relocation leaves behind: since now, for nobody knows since when.
///
/// # Errors
/// When the database fails; then nothing was changed.
pub async fn rebuild_originals(w: &mut Write<'_>, originals: &[RebuiltOriginal]) -> Result<()> {
    const WHAT: &str = "record the originals of packages again";
    const PUT: &str = "INSERT INTO original (package_id, version, location_id, same_data, moved_at, job_id) \
         SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS TEXT), \
         CAST(value ->> 3 AS BIGINT), $1, $2 FROM json_each($3) WHERE true ON CONFLICT DO NOTHING";
    if originals.is_empty() {
        return Ok(());
    }
    let lines = originals.iter().map(|o| (o.package_id, o.version, o.location_id, i64::from(o.same_data)));
    let (now, job) = (w.now(), JobId::new());
    w.run(WHAT, PUT, vec![now.into_value(), job.into_value(), rows(WHAT, lines)?]).await?;
    for o in originals {
        let after = format!("original of version {} at location {}", o.version, o.location_id);
        w.audit("package.rebuild", format!("package {}", o.package_id), None, Some(after));
    }
    Ok(())
}
