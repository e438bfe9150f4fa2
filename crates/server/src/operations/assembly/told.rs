//! What is said of each build: report, log.

use std::error::Error;

use patchwharf_db::{packages::Repointed, updates::Update};
use patchwharf_model::{job::ReportItem, package::VersionState};

use super::{
    build::{Build, Current, item},
    failing::Failed,
    plan::Sound,
};
use crate::jobs::JobContext;

/// An error's text with those of its causes.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A line of a report.
pub(crate) fn line(ctx: &JobContext, item: String, outcome: &str, failed: bool, reason: String) {
    ctx.report_item(ReportItem { item, outcome: outcome.to_owned(), failed, reason });
}

/// A version is current now. `taken`: where its bytes were taken from, when that was a foreign folder.
pub(crate) fn committed(ctx: &JobContext, build: &Build, taken: &str) {
    let (outcome, mut reason) = match (&build.from, build.replaces) {
        (None, _) if !taken.is_empty() => ("adopted", String::new()),
        (None, _) => ("staged", String::new()),
        (Some(from), Some(old)) if from.bad.is_empty() => {
            ("renewed", format!("package {} takes the place of {}", build.package, old.package_id))
        }
        (Some(from), _) if !from.bad.is_empty() => {
            let found: Vec<&str> = from.bad.iter().map(|bad| bad.reason.as_str()).collect();
            ("mended", format!("found: {}; mended in version {}", found.join("; "), build.version))
        }
        (Some(Current { distrust: Some(why), .. }), _) => {
            ("mended", format!("found: {why}; mended in version {}", build.version))
        }
        (Some(from), _) if from.revised => {
            ("revised", format!("the vendor revised it: version {} takes the place of {}", build.version, from.version))
        }
        (Some(_), _) => ("staged", String::new()),
    };
    if !taken.is_empty() {
        reason = if reason.is_empty() { taken.to_owned() } else { format!("{reason}; {taken}") };
    }
    tracing::info!(
        job.id = %ctx.job, bulletin.id = %build.update.bulletin_id, package.id = %build.package,
        version = build.version, size_bytes = build.size_bytes(),
        "{} {}: {outcome}", build.update.bulletin, build.update.update_key
    );
    line(ctx, build.item(), outcome, false, reason);
}

/// A build failed.
pub(crate) fn failed(ctx: &JobContext, one: &Failed) {
    let outcome = match one.state() {
        VersionState::VendorChanged => "vendor-changed",
        VersionState::Wanted if one.files.iter().any(|file| file.reason.starts_with("needs a file")) => "needs-a-file",
        VersionState::Wanted => "failed",
        _ => "unreachable",
    };
    let kept = match &one.build.from {
        Some(from) if from.bad.is_empty() => format!(" (version {} stays in its place)", from.version),
        Some(from) => format!(" (nothing was changed: version {} stays, with what is good in it)", from.version),
        None => String::new(),
    };
    tracing::warn!(
        job.id = %ctx.job, bulletin.id = %one.build.update.bulletin_id, package.id = %one.build.package,
        "{}: {outcome}: {}{kept}", one.build.item(), one.reason()
    );
    line(ctx, one.build.item(), outcome, true, format!("{}{kept}", one.reason()));
}

/// Another job has changed the package while this one built its version.
pub(crate) fn lost(ctx: &JobContext, build: &Build) {
    let reason = format!("package {} was changed by another job meanwhile; ask again", build.package);
    tracing::warn!(job.id = %ctx.job, package.id = %build.package, "{}: {reason}", build.item());
    line(ctx, build.item(), "overtaken", true, reason);
}

/// Nothing had to be done.
pub(crate) fn sound(ctx: &JobContext, sound: &Sound, outcome: &str) {
    if sound.ours {
        // An earlier attempt of this job has said how it came to be.
        return;
    }
    line(ctx, item(&sound.update), outcome, false, String::new());
}

/// Nothing has to be done, and it is not served all the same.
pub(crate) fn unproved(ctx: &JobContext, update: &Update) {
    let reason = format!(
        "its package is whole, and nobody vouches for its digests, so it is not served: import feed {:?} again \
         (`patchwharf feed add`, `patchwharf feed import`), or name the key that signed them (`patchwharf store rebuild \
         --trust`)",
        update.feed
    );
    line(ctx, item(update), "unproved", true, reason);
}

/// A policy follows its update's package, or waits for the administrator.
pub(crate) fn repointed(ctx: &JobContext, repointed: &Repointed) {
    let Repointed { policy, policy_id, package_id, version, update_id, pending } = repointed;
    let (outcome, text) = match pending {
        false => ("follows", format!("policy {policy} points at version {version} of package {package_id} now")),
        true => (
            "waits",
            format!(
                "the vendor revised the content: policy {policy} stays on what it had until \
                 `patchwharf policy accept {policy}` lets it follow to version {version} of package {package_id}"
            ),
        ),
    };
    tracing::info!(job.id = %ctx.job, policy.id = %policy_id, package.id = %package_id, update.id = %update_id, "{text}");
    line(ctx, format!("policy {policy}, update {update_id}"), outcome, false, text);
}
