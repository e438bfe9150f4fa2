//! What is said of each original, and of the prune as a whole.

use std::collections::BTreeMap;

use patchwharf_db::packages::Version;
use patchwharf_model::{PackageId, job::Report, span};
use patchwharf_store::{Location, Pruned};

use super::{
    Done, Prune, Young, left,
    remove::{FREED, REMOVED},
};
use crate::{
    jobs::JobContext,
    operations::{assembly::told::line, places::VersionKey},
    words::{bytes, count},
};

/// An original's name in reports.
pub(super) fn item(version: &Version) -> String {
    name((version.package_id, version.version))
}

fn name((package, version): VersionKey) -> String {
    format!("original of package {package} version {version}")
}

/// The original that a name in a report is of.
pub(super) fn named(item: &str) -> Option<VersionKey> {
    let (package, version) = item.strip_prefix("original of package ")?.split_once(" version ")?;
    Some((package.parse::<PackageId>().ok()?, version.parse().ok()?))
}

impl Prune<'_> {
    pub(super) fn removed(&self, version: &Version, pruned: &Pruned) {
        let (ctx, place) = (self.ctx, self.location.path());
        tracing::info!(
            job.id = %ctx.job, package.id = %version.package_id, version = version.version,
            freed_bytes = pruned.freed_bytes, "its original at {place} was removed; what is served was proved before"
        );
        let reason = match pruned.left.as_slice() {
            [] => String::new(),
            left => format!(
                "these were not put there by this server and stay in {place}/{}/{}: {}",
                version.package_id,
                version.version,
                left.join(", ")
            ),
        };
        line(ctx, item(version), "removed", false, reason);
    }

    pub(super) fn kept(&self, version: &Version, outcome: &str, why: String) {
        tracing::warn!(
            job.id = %self.ctx.job, package.id = %version.package_id, version = version.version,
            "its original at {} stays: {why}", self.location.path()
        );
        line(self.ctx, item(version), outcome, true, why);
    }

    /// Another job has changed the package since it was looked at.
    pub(super) fn overtaken(&self, version: &Version, done: &mut Done) {
        done.kept += 1;
        self.kept(version, "overtaken", "its package was changed by another job meanwhile; prune again".to_owned());
    }
}

pub(super) fn report(
    ctx: &JobContext,
    done: &Done,
    young: Young,
    mut rest: left::Rest,
    location: &Location,
    dry_run: bool,
) -> Report {
    if dry_run {
        rest.originals = rest.originals.saturating_sub(done.removable);
    }
    let freed = ctx.progress.counted(FREED);
    let mut summary = match dry_run {
        true => format!(
            "{} ({}) at {} would be removed, each with a whole copy where it is served; nothing was changed (dry run)",
            count(done.removable, "original"),
            bytes(done.removable_bytes),
            location.path()
        ),
        false => {
            let removed = count(ctx.progress.counted(REMOVED), "original");
            format!("{removed} at {} removed, {} freed", location.path(), bytes(freed))
        }
    };
    if done.kept > 0 {
        summary = format!("{summary}; {} kept, each with its reason below", done.kept);
    }
    if young.originals > 0 {
        let (stay, keep) = (count(young.originals, "original"), span::written(young.keep));
        summary = format!(
            "{summary}; {stay} younger than {keep} kept (`originals.keep-for`): a download that another server began \
             before the move may still read there"
        );
    }
    summary = format!("{summary}. {}", rest.sentence(dry_run));
    let mut counts: BTreeMap<String, u64> = rest.counts();
    counts.insert(FREED.to_owned(), freed);
    Report { summary, counts, ..Report::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_original_is_known_again_by_its_name() {
        let key = (PackageId::new(), 17);
        assert_eq!(named(&name(key)), Some(key));
        assert_eq!(named("package 17"), None);
    }
}
