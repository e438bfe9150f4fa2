//! What is said of each version: report and log.

use std::collections::{BTreeSet, HashMap};

use camino::Utf8Path;
use patchwharf_db::{
    packages::Version,
    updates::{self, Update},
};
use patchwharf_model::{UpdateId, package::VersionState};
use patchwharf_store::Location;

use crate::{
    jobs::JobContext,
    operations::{
        OperationError,
        assembly::told::line,
        places::{Damage, VersionKey, item},
    },
};

/// A version is served from the new place.
pub(super) fn moved(ctx: &JobContext, version: &Version, target: &Location, same_data: bool) {
    let reason = if same_data { "the same data as its original: no second copy" } else { "" };
    tracing::info!(
        job.id = %ctx.job, package.id = %version.package_id, version = version.version,
        size_bytes = version.size_bytes, same_data, "is served from {} now", target.path()
    );
    line(ctx, item(version), if same_data { "linked" } else { "moved" }, false, reason.to_owned());
}

/// A version stays where it is, through no fault of its own.
pub(super) fn not_moved(ctx: &JobContext, (package, version): VersionKey, outcome: &str, reason: &str) {
    tracing::warn!(job.id = %ctx.job, package.id = %package, version, "stays where it is: {reason}");
    let item = format!("package {package} version {version}");
    line(ctx, item, outcome, true, format!("{reason}; it is served from where it is"));
}

/// A version is missing or damaged at the old place: what was found, and the ways out.
pub(super) fn damaged(
    ctx: &JobContext,
    version: &Version,
    damage: &Damage,
    update: Option<&Update>,
    source: &Location,
    restage: bool,
) {
    let folder = format!("{}/{}/{}", source.path(), version.package_id, version.version);
    let bulletin = update.map_or("its bulletin", |update| update.bulletin.as_str());
    let manifest_only = damage.files.is_empty();
    let ways_out = match (restage, manifest_only) {
        (true, _) => "it is fetched anew at the new place, see below".to_owned(),
        (false, true) => format!("make its package anew with `patchwharf bulletin recreate {bulletin}`, then move it"),
        (false, false) => format!(
            "either restore the files in {folder} and run this again, or fetch it anew: `patchwharf bulletin refresh \
             {bulletin}`, or this job with --restage"
        ),
    };
    let outcome = if damage.state == VersionState::Missing { "missing" } else { "damaged" };
    let bulletin_id = update.map_or_else(String::new, |update| update.bulletin_id.to_string());
    tracing::warn!(
        job.id = %ctx.job, bulletin.id = bulletin_id, package.id = %version.package_id, version = version.version,
        "not moved, {outcome} in {folder}: {}", damage.reason
    );
    let name = update.map_or_else(String::new, |update| format!("{} {}: ", update.bulletin, update.update_key));
    line(ctx, item(version), outcome, true, format!("{name}{}; {ways_out}", damage.reason));
}

/// A location is gone as a whole.
pub(super) fn location_gone(ctx: &JobContext, path: &Utf8Path, text: String) {
    tracing::error!(job.id = %ctx.job, "{text}");
    line(ctx, format!("location {path}"), "gone", true, text);
}

/// The updates of these versions, for their bulletins' names.
pub(super) async fn updates(
    ctx: &JobContext,
    versions: impl Iterator<Item = &Version>,
) -> Result<HashMap<UpdateId, Update>, OperationError> {
    let ids: BTreeSet<UpdateId> = versions.map(|v| v.update_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<UpdateId> = ids.into_iter().collect();
    let found = updates::by_ids(&ctx.app.db, &ids).await?;
    Ok(found.into_iter().map(|update| (update.update_id, update)).collect())
}
