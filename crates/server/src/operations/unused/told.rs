//! What is said of unused packages: lines, sums, the sentence, the log.

use std::collections::BTreeMap;

use patchwharf_db::packages::Usage;
use patchwharf_model::{
    JobId, PackageId, UnusedRule,
    job::{Report, ReportItem},
};

use super::rules::Unused;
use crate::words::{bytes, count};

/// A run without a rule.
pub(super) const ALL_OFF: &str = "no unused packages were deleted: every rule is off; switch one on for good with \
     `patchwharf settings set unused.superseded-after 30d`, or for one run with `patchwharf job run delete-unused \
     --superseded-after 30d --dry-run`";

/// Outcome of a package that is gone.
pub(super) const DELETED: &str = "deleted";
/// Outcome of a package that a dry run names.
pub(super) const WOULD_BE_DELETED: &str = "would-be-deleted";
/// Outcome of a package that is marked and could not be unlinked.
const DELETING: &str = "deleting";

/// Outcome of an unused package that stays.
const KEPT: &str = "kept";

/// Between the bytes of a line and the rest of its reason.
const BYTES: &str = " bytes; ";

fn item(usage: &Usage) -> String {
    format!("{} {}: package {}", usage.bulletin, usage.update_key, usage.package_id)
}

/// The line of a package: the rule, since when, bytes.
pub(super) fn line(usage: &Usage, unused: &Unused, outcome: &str) -> ReportItem {
    let Unused { rule, since } = unused;
    let why = match rule {
        UnusedRule::Superseded => {
            let by = usage.superseded_by.as_deref().unwrap_or("a newer update");
            format!("superseded by {by}, since {since:.0}")
        }
        UnusedRule::Disabled => format!("its bulletin is disabled since {since:.0}, and no policy refers to it"),
        UnusedRule::WithoutPolicy => format!("staged {since:.0}, and no policy refers to it"),
    };
    let switches = match usage.policies {
        0 => String::new(),
        1 => "; the switch of a disabled policy shows \"package missing\" then".to_owned(),
        some => format!("; the switches of {some} disabled policies show \"package missing\" then"),
    };
    ReportItem {
        item: item(usage),
        outcome: outcome.to_owned(),
        failed: false,
        reason: format!("{rule}: {}{BYTES}{why}{switches}", usage.size_bytes),
    }
}

/// The line of an unused package that stays.
pub(super) fn kept(usage: &Usage, reason: String) -> ReportItem {
    ReportItem { item: item(usage), outcome: KEPT.to_owned(), failed: false, reason }
}

/// The line of a package whose folder could not be removed.
pub(super) fn stuck(line: &ReportItem, version: u64, why: &str) -> ReportItem {
    let reason = format!("{}; version {version} could not be removed and is tried again: {why}", line.reason);
    ReportItem { outcome: DELETING.to_owned(), failed: true, reason, ..line.clone() }
}

/// The same for what an earlier attempt has marked.
pub(super) fn stuck_before(package: PackageId, version: u64, why: &str) -> ReportItem {
    let reason = format!("version {version} could not be removed and is tried again: {why}");
    ReportItem { item: format!("package {package}"), outcome: DELETING.to_owned(), failed: true, reason }
}

/// The record of a package in the log.
pub(super) fn log(job: JobId, usage: &Usage, line: &ReportItem) {
    let bulletin = usage.bulletin_id.map(|id| id.to_string());
    tracing::info!(
        job.id = %job, bulletin.id = bulletin, package.id = %usage.package_id, size_bytes = usage.size_bytes,
        "{}: deleted as unused: {}", line.item, line.reason
    );
}

/// Packages and bytes by rule. They are read from the lines, which outlive a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    of: BTreeMap<UnusedRule, (u64, u64)>,
    deleting: u64,
    kept: u64,
}

impl Sums {
    /// Counts a line of the report; lines of other phases are left out.
    pub(super) fn add(&mut self, line: &ReportItem) {
        match line.outcome.as_str() {
            DELETED | WOULD_BE_DELETED => {}
            DELETING => self.deleting += 1,
            KEPT => self.kept += 1,
            _ => return,
        }
        let Some((rule, rest)) = line.reason.split_once(": ") else { return };
        let Some((size, _)) = rest.split_once(BYTES) else { return };
        if let (Ok(rule), Ok(size)) = (rule.parse::<UnusedRule>(), size.parse::<u64>()) {
            let sum = self.of.entry(rule).or_default();
            *sum = (sum.0 + 1, sum.1 + size);
        }
    }
}

/// The report.
pub(super) fn report(sums: &Sums, dry_run: bool, doubted: bool, needed: u64, freed_bytes: Option<u64>) -> Report {
    let (packages, size) = sums.of.values().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    let done = if dry_run { "would be deleted" } else { "deleted" };
    let mut summary = match packages {
        0 => format!("no unused package {}", if dry_run { "would be deleted" } else { "was deleted" }),
        some => {
            let rules = sums.of.iter().map(|(rule, (number, size))| format!("{number} {rule} ({})", bytes(*size)));
            let rules = rules.collect::<Vec<_>>().join(", ");
            format!("{} {done}, {}: {rules}", count(some, "unused package"), bytes(size))
        }
    };
    if dry_run && packages > 0 {
        summary = format!("{summary}; nothing was deleted (dry run)");
    }
    if sums.deleting > 0 {
        summary = format!("{summary}; {} of them could not be removed yet", sums.deleting);
    }
    if sums.kept > 0 {
        summary = format!("{summary}; {} unused and kept, each with its reason", sums.kept);
    }
    if needed > 0 {
        summary = format!("{summary}; {} superseded and needed by policies", needed);
    }
    if doubted {
        summary = format!(
            "{summary}; the clock is not relied on: it was set, or nothing in the data folder says when a server last ran \
             there. Nothing is deleted for its age until it has run straight for a day"
        );
    }
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (rule, (number, size)) in &sums.of {
        counts.insert(rule.to_string(), *number);
        counts.insert(format!("{rule}-bytes"), *size);
    }
    counts.insert("unused-bytes".to_owned(), size);
    counts.extend(freed_bytes.map(|freed| ("bytes-freed".to_owned(), freed)));
    Report { summary, counts, ..Report::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(outcome: &str, reason: &str) -> ReportItem {
        ReportItem { item: "B-1 u".into(), outcome: outcome.into(), failed: false, reason: reason.into() }
    }

    #[test]
    fn sums_come_from_the_lines_of_the_report() {
        let mut sums = Sums::default();
        for (outcome, reason) in [
            (DELETED, "superseded: 4096 bytes; superseded by x, since then"),
            (DELETED, "disabled: 7 bytes; its bulletin is disabled"),
            (DELETING, "superseded: 1 bytes; superseded by y; version 1 could not be removed"),
            ("kept", "no address is known"),
            ("moved", "superseded: 99 bytes; of another phase"),
        ] {
            sums.add(&line(outcome, reason));
        }
        assert_eq!(sums.of, [(UnusedRule::Superseded, (2, 4097)), (UnusedRule::Disabled, (1, 7))].into());
        assert_eq!((sums.deleting, sums.kept), (1, 1));
        let report = report(&sums, false, false, 3, Some(5));
        assert!(
            report.summary.contains("3 unused packages deleted, 4.0 KiB: 2 superseded (4.0 KiB), 1 disabled (7 B)")
        );
        assert!(report.summary.contains("1 unused and kept") && report.summary.contains("3 superseded and needed"));
        assert_eq!(report.counts["superseded-bytes"], 4097);
        assert_eq!(report.counts["bytes-freed"], 5);
    }

    #[test]
    fn a_doubted_clock_is_named() {
        let report = report(&Sums::default(), true, true, 0, None);
        assert!(report.summary.contains("no unused package would be deleted; the clock"), "{}", report.summary);
        // After a rebuild nobody has set it.
        assert!(report.summary.contains("or nothing in the data folder says"), "{}", report.summary);
    }
}
