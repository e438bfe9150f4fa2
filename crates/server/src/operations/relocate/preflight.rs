//! What is looked at before the first byte moves, and said by a dry run.

use std::sync::Arc;

use patchwharf_db::{
    packages,
    packages::{LongPath, RelocationTotals},
};
use patchwharf_model::{
    PackageId,
    job::{Report, ReportItem},
};
use patchwharf_store::{Location, Overlap, Probes, Sharing, Space, overlap};

use super::{
    Wish,
    rate::{self, Rate},
};
use crate::{
    jobs::JobContext,
    operations::{OperationError, cores, with_causes},
    words::{bytes, count},
};

/// Where an agent on Windows keeps packages, and how long a path there may be.
const AGENT_BASE: &str = r"C:\ProgramData\Patchwharf\Packages\";
const LONGEST_PATH: usize = 259;
/// Long paths that are named one by one.
const NAMED: u32 = 20;
/// A folder or a manifest takes a block.
const BLOCK_BYTES: u64 = 4096;

/// What was looked at, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    checks: Vec<Check>,
    totals: RelocationTotals,
    lacking: Option<String>,
    link: bool,
    rate: Option<Rate>,
}

#[derive(Debug)]
struct Check {
    /// What was looked at, and where.
    item: String,
    grade: Grade,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Fine,
    Warning,
    /// Room is lacking: it can come.
    Lacking,
    Refused,
}

/// What the new place and a way from an old one can do.
struct Tried {
    probes: Result<Probes, String>,
    pairs: Vec<(Arc<Location>, Pair)>,
    space: Result<Space, String>,
}

struct Pair {
    overlap: Option<Overlap>,
    sharing: Result<Sharing, String>,
}

/// Looks at everything that could be in the way.
pub(super) async fn look(
    ctx: &JobContext,
    wish: &Wish,
    target: &Arc<Location>,
    sources: &[Arc<Location>],
    of: Option<&[PackageId]>,
) -> Result<Plan, OperationError> {
    let mut plan = Plan { link: wish.link, ..Plan::default() };
    // Where nothing is to be moved from, nothing can be in the way.
    let mut from = Vec::new();
    for source in sources {
        let totals = packages::relocation_totals(&ctx.app.db, source.id(), target.id(), of).await?;
        if totals.versions == 0 {
            continue;
        }
        from.push(Arc::clone(source));
        plan.add(totals);
        plan.long_paths(packages::long_paths(&ctx.app.db, source.id(), longest_name(), NAMED + 1).await?);
    }
    if plan.totals.versions == 0 {
        return Ok(plan);
    }
    if plan.checks.is_empty() {
        let text = format!("none is too long for a Windows computer ({LONGEST_PATH} characters)");
        plan.check("paths", Grade::Fine, text);
    }
    let (own, first) = (Arc::clone(target), from.first().cloned());
    let tried = cores::blocking(move || tried(&own, from)).await?;
    plan.judge(tried, target, ctx.app.config.fetch.reserve_bytes);
    if wish.dry_run
        && !wish.link
        && plan.refusal().is_none()
        && let Some(source) = first
    {
        plan.rate = rate::expected(ctx, source.id(), target).await?;
    }
    Ok(plan)
}

fn longest_name() -> u64 {
    let taken = AGENT_BASE.len() + PackageId::new().to_string().len() + 2;
    LONGEST_PATH.saturating_sub(taken) as u64
}

fn tried(target: &Location, sources: Vec<Arc<Location>>) -> Tried {
    let probes = match target.is_read_only() {
        true => Err("its file system is read-only".to_owned()),
        false => target.probe().map_err(|error| with_causes(&error)),
    };
    let pairs = sources
        .into_iter()
        .map(|source| {
            let overlap = overlap(target.path(), source.path()).ok().flatten();
            let sharing = target.shares_data_with(&source).map_err(|error| with_causes(&error));
            (source, Pair { overlap, sharing })
        })
        .collect();
    Tried { probes, pairs, space: target.space().map_err(|error| with_causes(&error)) }
}

impl Plan {
    fn add(&mut self, more: RelocationTotals) {
        let sum = &mut self.totals;
        sum.packages += more.packages;
        sum.versions += more.versions;
        sum.size_bytes += more.size_bytes;
        sum.damaged += more.damaged;
        sum.there += more.there;
        sum.contents += more.contents;
        sum.content_bytes += more.content_bytes;
    }

    fn check(&mut self, item: impl Into<String>, grade: Grade, text: impl Into<String>) {
        self.checks.push(Check { item: item.into(), grade, text: text.into() });
    }

    fn long_paths(&mut self, found: Vec<LongPath>) {
        let more = found.len() > NAMED as usize;
        for long in found.into_iter().take(NAMED as usize) {
            let text = format!(
                "{} would have a path of more than {LONGEST_PATH} characters below {AGENT_BASE} on a Windows computer: \
                 agents there need long paths switched on, or a shorter folder",
                long.name
            );
            let item = format!("path of package {} version {}", long.package_id, long.version);
            self.check(item, Grade::Warning, text);
        }
        if more {
            self.check("paths", Grade::Warning, "more packages have such long paths");
        }
    }

    fn judge(&mut self, tried: Tried, target: &Location, reserve_bytes: u64) {
        let path = target.path().to_string();
        match tried.probes {
            Err(why) => self.check(
                format!("rights at {path}"),
                Grade::Refused,
                format!("it cannot be written as packages need it: {why}"),
            ),
            Ok(probes) => self.judge_probes(&path, &probes),
        }
        for (source, pair) in tried.pairs {
            self.judge_pair(&path, &source, &pair);
        }
        match tried.space {
            Err(why) => self.check(room_at(&path), Grade::Refused, why),
            Ok(space) => self.judge_space(&path, space, reserve_bytes),
        }
        if self.totals.damaged > 0 {
            let text = format!(
                "{} recorded as damaged or missing: each is looked at, and named with the ways out if it still is",
                count(self.totals.damaged, "version")
            );
            self.check("damaged packages", Grade::Warning, text);
        }
    }

    fn judge_probes(&mut self, path: &str, probes: &Probes) {
        if !probes.case_sensitive {
            let text = "its file system takes a and A for one name: files of a package could hide one another";
            self.check(format!("capitals at {path}"), Grade::Refused, text);
        }
        if !probes.keeps_names {
            let text = "its file system changes or refuses names that packages may have (255 bytes, any letters)";
            self.check(format!("names at {path}"), Grade::Refused, text);
        }
        self.check(
            format!("rights at {path}"),
            Grade::Fine,
            "files and folders can be made, made durable and removed there",
        );
        if probes.network.is_none() {
            self.check(format!("file system of {path}"), Grade::Fine, "a file system of this machine");
        }
        if let Some(kind) = probes.network {
            let text = format!(
                "it is a network file system ({kind}): a server that is cut off from it can serve nothing from it, and \
                 what is read back may come from the other machine's memory"
            );
            self.check(format!("file system of {path}"), Grade::Warning, text);
        }
        if !probes.hard_links {
            let text = "its file system has no hard links: files of the same content are stored once for each package";
            self.check(format!("hard links at {path}"), Grade::Warning, text);
        }
        let read_back = match probes.direct_reads {
            true => "copies are read back from the device itself before they count",
            false => "copies are read back after their cached pages were dropped: this file system has no direct reads",
        };
        self.check(format!("reading back at {path}"), Grade::Fine, read_back);
    }

    fn judge_pair(&mut self, path: &str, source: &Location, pair: &Pair) {
        let item = format!("way from {}", source.path());
        if let Some(overlap) = pair.overlap {
            let place = format!("place of {}", source.path());
            self.check(place, Grade::Refused, format!("{path} {overlap} {}: nothing would have moved", source.path()));
        } else {
            self.check(format!("place of {}", source.path()), Grade::Fine, "neither folder lies in the other");
        }
        match &pair.sharing {
            Err(why) if self.link => self.check(&item, Grade::Refused, why.clone()),
            // What can still be read there is moved.
            Err(why) => self.check(&item, Grade::Warning, format!("it can only be read: {why}")),
            Ok(Sharing::No) if self.link => {
                let text = "no link reaches from there: they are different file systems. Leave --link out to copy";
                self.check(&item, Grade::Refused, text);
            }
            Ok(Sharing::No) => self.check(&item, Grade::Fine, "another file system: every byte is copied"),
            Ok(how) => {
                let how = if *how == Sharing::HardLinks { "hard links" } else { "shared blocks" };
                let text = match self.link {
                    true => format!("the same file system: {how} serve. They are the same data, no second copy"),
                    false => format!("the same file system: --link would use {how} and need neither time nor room"),
                };
                self.check(&item, Grade::Fine, text);
            }
        }
    }

    fn judge_space(&mut self, path: &str, space: Space, reserve_bytes: u64) {
        let needed = self.needed_bytes();
        let room = space.free_bytes.saturating_sub(reserve_bytes);
        if needed > room {
            let text = format!(
                "{} are needed there and {} are free beyond the reserve of {}: {} are missing",
                bytes(needed),
                bytes(room),
                bytes(reserve_bytes),
                bytes(needed - room)
            );
            self.lacking = Some(format!("{path}: {text}; make room, or move to another place"));
            self.check(room_at(path), Grade::Lacking, text);
        } else {
            let text = format!("{} are needed there, {} are free beyond the reserve", bytes(needed), bytes(room));
            self.check(room_at(path), Grade::Fine, text);
        }
        let inodes = self.needed_inodes();
        if let Some(free) = space.free_inodes.filter(|free| *free < inodes) {
            let text = format!("{inodes} files and folders are needed there, {free} can still be made");
            self.lacking.get_or_insert(format!("{path}: {text}; make room for them, or move to another place"));
            self.check(format!("inodes at {path}"), Grade::Lacking, text);
        }
    }

    /// Versions that need room: not those of which an original lies there.
    fn new_versions(&self) -> u64 {
        self.totals.versions.saturating_sub(self.totals.there)
    }

    /// Bytes that are needed: each content once, rounded up to whole blocks, and two folders and a manifest a version.
    fn needed_bytes(&self) -> u64 {
        let folders = self.new_versions().saturating_mul(2 * BLOCK_BYTES);
        if self.link {
            return folders;
        }
        let rounding = (self.totals.contents + self.new_versions()).saturating_mul(BLOCK_BYTES);
        self.totals.content_bytes.saturating_add(folders).saturating_add(rounding)
    }

    fn needed_inodes(&self) -> u64 {
        let files = if self.link { 0 } else { self.totals.contents + self.new_versions() };
        files + 2 * self.new_versions()
    }

    /// Why it cannot be done at all; a lack of room can pass.
    pub(super) fn refusal(&self) -> Option<String> {
        let refused: Vec<String> = self
            .checks
            .iter()
            .filter(|check| check.grade == Grade::Refused)
            .map(|check| format!("{}: {}", check.item, check.text))
            .collect();
        (!refused.is_empty()).then(|| format!("nothing was moved: {}", refused.join("; ")))
    }

    /// The room that is missing.
    pub(super) fn no_room(&self) -> Option<String> {
        self.lacking.clone()
    }

    /// Versions to be moved.
    pub(super) fn versions(&self) -> u64 {
        self.totals.versions
    }

    /// Their bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.totals.size_bytes
    }

    /// Says the warnings.
    pub(super) fn tell(&self, ctx: &JobContext) {
        for check in self.checks.iter().filter(|check| check.grade == Grade::Warning) {
            tracing::warn!(job.id = %ctx.job, "before the move: {}: {}", check.item, check.text);
            ctx.report_item(check.item("warning"));
        }
    }

    /// The report of a dry run.
    pub(super) fn report(self, ctx: &JobContext) -> Report {
        let what = format!("{} ({})", count(self.totals.versions, "package version"), bytes(self.totals.size_bytes));
        let refused = self.checks.iter().any(Check::is_in_the_way);
        let mut summary = match (self.totals.versions, refused) {
            (0, _) => "nothing to move: every package is there already".to_owned(),
            (_, true) => format!("{what} would be moved, but not as things are: see below; nothing was changed"),
            (_, false) => format!("{what} would be moved; nothing was changed (dry run)"),
        };
        let mut counts = std::collections::BTreeMap::from([
            ("versions".to_owned(), self.totals.versions),
            ("bytes".to_owned(), self.totals.size_bytes),
            ("bytes-to-copy".to_owned(), if self.link { 0 } else { self.totals.content_bytes }),
        ]);
        if let Some(rate) = self.rate.as_ref().filter(|rate| rate.bytes_per_second > 0) {
            let seconds = self.totals.content_bytes.div_ceil(rate.bytes_per_second);
            summary =
                format!("{summary}; about {} at {}/s, by {}", span(seconds), bytes(rate.bytes_per_second), rate.from);
            counts.insert("seconds".to_owned(), seconds);
        }
        for check in &self.checks {
            let outcome = match check.grade {
                Grade::Fine => "fine",
                Grade::Warning => "warning",
                Grade::Lacking => "lacking",
                Grade::Refused => "refused",
            };
            ctx.report_item(check.item(outcome));
        }
        Report { summary, counts, ..Report::default() }
    }
}

fn room_at(path: &str) -> String {
    format!("room at {path}")
}

impl Check {
    fn is_in_the_way(&self) -> bool {
        matches!(self.grade, Grade::Lacking | Grade::Refused)
    }

    fn item(&self, outcome: &str) -> ReportItem {
        ReportItem {
            item: self.item.clone(),
            outcome: outcome.to_owned(),
            failed: self.is_in_the_way(),
            reason: self.text.clone(),
        }
    }
}

/// Seconds as people say them.
fn span(seconds: u64) -> String {
    match seconds {
        0..=90 => count(seconds.max(1), "second"),
        91..=5_400 => count(seconds.div_ceil(60), "minute"),
        _ => count(seconds.div_ceil(3_600), "hour"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(free_bytes: u64, free_inodes: u64, link: bool) -> Plan {
        let totals = RelocationTotals {
            packages: 10,
            versions: 10,
            size_bytes: 1 << 30,
            damaged: 0,
            there: 0,
            contents: 10,
            content_bytes: 1 << 20,
        };
        let mut plan = Plan { totals, link, ..Plan::default() };
        let space = Space { free_bytes, total_bytes: 1 << 40, free_inodes: Some(free_inodes) };
        plan.judge_space("/new", space, 1 << 20);
        plan
    }

    #[test]
    fn l_04_room_is_counted_once_for_the_same_content_and_beside_the_reserve() {
        let needed = (1 << 20) + 10 * 4 * 4096;
        assert_eq!(plan(needed + (1 << 20), 1_000, false).no_room(), None);
        let lacking = plan(needed + (1 << 20) - 1, 1_000, false);
        assert!(lacking.no_room().unwrap_or_default().contains("1 B are missing"), "{lacking:?}");
        assert_eq!(lacking.refusal(), None, "it waits for room");
        assert!(plan(1 << 30, 39, false).no_room().unwrap_or_default().contains("40 files and folders"));
        assert_eq!(plan((1 << 20) + 10 * 2 * 4096, 20, true).no_room(), None, "links need folders only");
    }

    #[test]
    fn what_goes_back_to_its_originals_needs_no_room() {
        let mut plan = plan(u64::MAX, 1 << 20, false);
        (plan.totals.there, plan.totals.contents, plan.totals.content_bytes) = (10, 0, 0);
        assert_eq!((plan.needed_bytes(), plan.needed_inodes()), (0, 0));
        (plan.totals.there, plan.totals.contents, plan.totals.content_bytes) = (9, 1, 4096);
        assert_eq!((plan.needed_bytes(), plan.needed_inodes()), (5 * 4096, 4));
    }

    #[test]
    fn spans_are_said_as_people_say_them() {
        assert_eq!([span(0), span(90), span(120), span(10_000)], ["1 second", "90 seconds", "2 minutes", "3 hours"]);
    }

    #[test]
    fn the_longest_name_leaves_room_for_the_rest_of_a_path() {
        assert_eq!(longest_name(), 186);
    }
}
