//! What a check leaves behind.

use std::collections::BTreeMap;

use patchwharf_db::findings;
use patchwharf_model::{
    finding::{Finding, Gravity, Outcome},
    job::{Report, ReportItem},
};

use super::check::{BYTES_READ, Check};
use crate::{
    operations::{Ending, OperationError},
    words::{bytes, count},
};

/// Lines that travel with the job; all findings are read page by page.
const LINES: usize = 200;

/// The report: one sentence, counts by kind and outcome, the worst that remains; and what else the job did.
pub(super) async fn write(check: &Check<'_>, besides: Vec<Report>) -> Result<Ending, OperationError> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let (mut by_gravity, mut gone) = (BTreeMap::<Gravity, u64>::new(), BTreeMap::<&str, u64>::new());
    for (kind, outcome, number) in findings::counts(&check.ctx.app.db, check.ctx.job).await? {
        if outcome == Outcome::Planned {
            *counts.entry(outcome.to_string()).or_default() += number;
        }
        match outcome.remains() {
            true => {
                *counts.entry(kind.to_string()).or_default() += number;
                *by_gravity.entry(kind.gravity()).or_default() += number;
            }
            false => {
                *counts.entry(outcome.to_string()).or_default() += number;
                *gone.entry(outcome.as_str()).or_default() += number;
            }
        }
    }
    for kind in check.known.values() {
        *counts.entry(kind.to_string()).or_default() += 1;
        *by_gravity.entry(kind.gravity()).or_default() += 1;
    }
    let counted = check.counted;
    for (name, number) in
        [("packages", counted.packages), ("files", counted.files), (BYTES_READ, check.ctx.progress.counted(BYTES_READ))]
    {
        counts.insert(name.to_owned(), number);
    }
    let left = findings::remaining(&check.ctx.app.db, check.ctx.job).await?;
    let items: Vec<ReportItem> = left.iter().take(LINES).map(|(_, finding)| line(finding)).collect();
    let items_left_out = (left.len() - items.len()) as u64;
    let items_failed = left.iter().filter(|(_, finding)| finding.counts()).count() as u64;
    let mut summary = sentence(check, &by_gravity, &gone);
    for report in besides {
        summary = format!("{summary}; then {}", report.summary);
        for (name, number) in report.counts {
            counts.entry(name).or_insert(number);
        }
    }
    Ok(Ending::Done(Report { summary, counts, items, items_left_out, items_failed }))
}

fn sentence(check: &Check<'_>, left: &BTreeMap<Gravity, u64>, gone: &BTreeMap<&str, u64>) -> String {
    let counted = check.counted;
    let looked = match check.wish.light {
        true => format!(
            "{}, {} compared by length and time stamps",
            count(counted.packages, "package"),
            count(counted.files, "file")
        ),
        false => format!(
            "{}, {}, {} read",
            count(counted.packages, "package"),
            count(counted.files, "file"),
            bytes(check.ctx.progress.counted(BYTES_READ))
        ),
    };
    let notes = left.get(&Gravity::Note).copied().unwrap_or(0);
    let remain: u64 = left.iter().filter(|(gravity, _)| **gravity != Gravity::Note).map(|(_, number)| number).sum();
    if check.is_empty() && remain == 0 && gone.is_empty() {
        return "nothing was checked: the selection has no package; stage it with `patchwharf bulletin stage`"
            .to_owned();
    }
    let mut text = match (remain, gone.is_empty()) {
        (0, true) => format!("{looked}: everything is as it should be"),
        (0, false) => format!("{looked}: nothing is wrong any more"),
        (n, _) => {
            let kinds: Vec<String> = left
                .iter()
                .filter(|(gravity, _)| **gravity != Gravity::Note)
                .map(|(gravity, number)| format!("{number} {gravity}"))
                .collect();
            format!("{looked}: {} ({})", count(n, "finding"), kinds.join(", "))
        }
    };
    if !check.known.is_empty() {
        text = format!("{text}; {} of them known since an earlier check", check.known.len());
    }
    for (outcome, number) in gone {
        text = format!("{text}; {number} {outcome}");
    }
    if check.wish.repair && check.wish.dry_run {
        text = format!("{text}; nothing was mended (dry run)");
    }
    if notes > 0 {
        text = format!("{text}; {}", count(notes, "note"));
    }
    text
}

fn line(finding: &Finding) -> ReportItem {
    let what = match (finding.bulletin_name.as_str(), finding.update_key.as_str()) {
        ("", _) => finding.path.clone(),
        (bulletin, update) => format!("{bulletin} {update}: {}", finding.path),
    };
    let became = if finding.became.is_empty() { String::new() } else { format!("; {}", finding.became) };
    let way_out = if finding.command.is_empty() { String::new() } else { format!("; `{}`", finding.command) };
    ReportItem {
        item: what,
        outcome: finding.kind.to_string(),
        failed: finding.counts(),
        reason: format!("expected {}, found {}{became}{way_out}", finding.expected, finding.found),
    }
}
