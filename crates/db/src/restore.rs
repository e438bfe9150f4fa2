//! A database that was put back on another host: it learns where everything is now.

use camino::Utf8Path;
use patchwharf_model::{LocationId, PackageId, job::Report};

use crate::{
    DbError, Result, Write, derived,
    locations::Location,
    sql::{args, json, record},
};

const WHAT: &str = "make a restored database at home here";

/// Version numbers that are left out after a restore: what the old host gave out after the backup is never given to
/// something else (C-13).
const GAP: i64 = 1_000;

record!(
    struct Package {
        package_id: PackageId,
    }
);

/// Makes a restored database at home: every version is recorded at one location in this folder, nothing counts as proved
/// or as found, no job and no lock belongs to a server of the old host, and nothing is sent that the old host may have sent.
///
/// # Errors
/// The location is not known, or the database fails.
pub async fn rehome(w: &mut Write<'_>, location: LocationId, path: &Utf8Path) -> Result<()> {
    const ONE: &str = "SELECT * FROM location WHERE location_id = $1";
    const ELSEWHERE: &str = "DELETE FROM location WHERE location_id <> $1";
    const HERE: &str = "UPDATE location SET path = $2, is_default = 1 WHERE location_id = $1";
    const VERSIONS: &str = "UPDATE package_version SET location_id = $1 WHERE location_id <> $1";
    const FILES: &str = "UPDATE package_file SET dev = NULL, inode = NULL WHERE inode IS NOT NULL";
    const STALE: [&str; 4] = [
        "DELETE FROM proof",
        "DELETE FROM manifest_proof",
        "DELETE FROM open_finding",
        // What a relocation left behind on the old host.
        "DELETE FROM original",
    ];
    const PACKAGES: &str = "UPDATE package SET next_version = next_version + $1, token = token + 1, lock_job = NULL, \
         lock_until = NULL";
    const BACKUPS: &str = "UPDATE job SET state = 'cancelled', ended_at = $1, report = $2, lease_owner = NULL, \
         lease_until = NULL WHERE kind = 'backup' AND state IN ('queued', 'running', 'paused')";
    const JOBS: &str =
        "UPDATE job SET state = 'queued', lease_owner = NULL, lease_until = NULL WHERE state = 'running'";
    const MESSAGES: &str = "UPDATE notification SET next_try_at = NULL, last_error = 'the server was restored' \
         WHERE next_try_at IS NOT NULL";
    let before: Location =
        w.first(WHAT, ONE, args![location]).await?.ok_or_else(|| DbError::not_found("location", location))?;
    for statement in STALE {
        w.run(WHAT, statement, args![]).await?;
    }
    w.run(WHAT, VERSIONS, args![location]).await?;
    w.run(WHAT, ELSEWHERE, args![location]).await?;
    w.run(WHAT, HERE, args![location, path.as_str()]).await?;
    w.run(WHAT, FILES, args![]).await?;
    w.run(WHAT, PACKAGES, args![GAP]).await?;
    let packages: Vec<Package> = w.all(WHAT, "SELECT package_id FROM package", args![]).await?;
    derived::packages(w, packages.into_iter().map(|row| row.package_id)).await?;
    let report = Report { summary: "this very backup was restored".into(), ..Report::default() };
    w.run(WHAT, BACKUPS, args![w.now(), json(&report)]).await?;
    w.run(WHAT, JOBS, args![]).await?;
    w.run(WHAT, MESSAGES, args![]).await?;
    w.audit("restore", format!("location {location}"), Some(before.path.into()), Some(path.to_string()));
    Ok(())
}
