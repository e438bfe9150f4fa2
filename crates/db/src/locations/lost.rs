//! A location that is gone for good.

use patchwharf_model::{LocationId, PackageId};

use crate::{
    Result, Write, derived,
    sql::{args, record},
};

record!(
    struct Affected {
        package_id: PackageId,
    }
);

const WHAT: &str = "give up what is recorded at a lost location";

/// What was recorded at a lost location is recorded as missing at `to` from now on, so that it can be fetched anew: what is
/// served, damaged or unfinished; retired versions go, and switches of policies that were pinned to one show "package
/// missing". Tokens rise: a job that worked on one of the packages changes nothing any more. Returns how many packages.
pub(super) async fn give_up(w: &mut Write<'_>, lost: LocationId, to: LocationId, path: &str) -> Result<u64> {
    const TOKENS: &str = "UPDATE package SET token = token + 1 WHERE package_id IN \
         (SELECT package_id FROM package_version WHERE location_id = $1) RETURNING package_id";
    const PINNED: &str = "UPDATE policy_update SET package_id = NULL, version = NULL, files_digest = NULL \
         WHERE (package_id, version) IN (SELECT package_id, version FROM package_version WHERE location_id = $1 \
         AND state || '' = 'retired')";
    const PENDING: &str = "UPDATE policy_update SET pending_package = NULL, pending_version = NULL \
         WHERE (pending_package, pending_version) IN (SELECT package_id, version FROM package_version \
         WHERE location_id = $1)";
    const FILES: &str = "UPDATE package_file SET dev = NULL, inode = NULL, \
         state = CASE WHEN state IN ('staged', 'corrupt') THEN 'missing' ELSE state END, \
         reason = CASE WHEN state IN ('staged', 'corrupt') THEN $2 ELSE reason END WHERE (package_id, version) IN \
         (SELECT package_id, version FROM package_version WHERE location_id = $1)";
    const SERVED: &str = "DELETE FROM original WHERE location_id = $2 AND (package_id, version) IN \
         (SELECT package_id, version FROM package_version WHERE location_id = $1)";
    const VERSIONS: &str = "UPDATE package_version SET location_id = $2, since = $3, \
         reason = CASE WHEN state IN ('staged', 'corrupt') THEN $4 ELSE reason END, \
         state = CASE WHEN state IN ('staged', 'corrupt') THEN 'missing' WHEN state = 'retired' THEN 'deleting' \
         ELSE state END WHERE location_id = $1";
    let now = w.now();
    let reason = format!("its location {path} was given up as lost; fetch it anew with `patchwharf bulletin refresh`");
    let affected: Vec<Affected> = w.all(WHAT, TOKENS, args![lost]).await?;
    w.run(WHAT, PINNED, args![lost]).await?;
    w.run(WHAT, PENDING, args![lost]).await?;
    w.run(WHAT, FILES, args![lost, &reason]).await?;
    w.run(WHAT, SERVED, args![lost, to]).await?;
    w.run(WHAT, VERSIONS, args![lost, to, now, &reason]).await?;
    derived::packages(w, affected.iter().map(|row| row.package_id)).await?;
    Ok(affected.len() as u64)
}
