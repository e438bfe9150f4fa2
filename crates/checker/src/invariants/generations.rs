//! I1 of imports: a catalogue is current as a whole; what an import that did not end has written is never seen.

use std::collections::{BTreeMap, BTreeSet};

use super::Scene;
use crate::Finding;

/// The generations in which a row is valid.
type Span<'a> = (&'a str, i64, Option<i64>);

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let facts = scene.facts;
    let mut findings = Vec::new();
    for feed in &facts.feeds {
        if feed.next_generation <= feed.current_generation {
            let message = format!(
                "generation {} is current, the next would be {}",
                feed.current_generation, feed.next_generation
            );
            findings.push(Finding::violation("I1", "generation-reuse", format!("feed {}", feed.name), message));
        }
    }
    let mut bulletins: BTreeMap<&str, Vec<Span<'_>>> = BTreeMap::new();
    for row in &facts.bulletin_revisions {
        bulletins.entry(&row.bulletin_id).or_default().push((&row.feed_id, row.from_gen, row.to_gen));
    }
    let mut updates: BTreeMap<&str, Vec<Span<'_>>> = BTreeMap::new();
    for row in &facts.update_revisions {
        updates.entry(&row.update_id).or_default().push((&row.feed_id, row.from_gen, row.to_gen));
    }
    findings.extend(spans(scene, "bulletin", &bulletins));
    findings.extend(spans(scene, "update", &updates));
    let mut counts: BTreeMap<&str, Vec<Span<'_>>> = BTreeMap::new();
    for row in &facts.bulletin_counts {
        counts.entry(&row.bulletin_id).or_default().push((&row.feed_id, row.from_gen, row.to_gen));
    }
    findings.extend(spans(scene, "the counts of bulletin", &counts));

    let seen: BTreeSet<&str> = facts
        .bulletin_revisions
        .iter()
        .filter(|row| facts.is_visible(&row.feed_id, row.from_gen, row.to_gen))
        .map(|row| row.bulletin_id.as_str())
        .collect();
    for row in facts.update_revisions.iter().filter(|row| facts.is_visible(&row.feed_id, row.from_gen, row.to_gen)) {
        if !seen.contains(row.bulletin_id.as_str()) {
            let message = format!("its bulletin {} is not in the current catalogue", row.bulletin_id);
            findings.push(Finding::violation(
                "I1",
                "update-without-bulletin",
                format!("update {}", row.update_id),
                message,
            ));
        }
    }
    findings
}

fn spans(scene: &Scene<'_>, what: &str, rows: &BTreeMap<&str, Vec<Span<'_>>>) -> Vec<Finding> {
    let current: BTreeMap<&str, i64> =
        scene.facts.feeds.iter().map(|feed| (feed.feed_id.as_str(), feed.current_generation)).collect();
    let mut findings = Vec::new();
    for (id, spans) in rows {
        let object = format!("{what} {id}");
        let mut spans = spans.clone();
        spans.sort_by_key(|(_, from, _)| *from);
        for pair in spans.windows(2) {
            if pair[0].2.is_none_or(|end| end > pair[1].1) {
                let message = format!("revisions of generations {} and {} overlap", pair[0].1, pair[1].1);
                findings.push(Finding::violation("I1", "revisions-overlap", &object, message));
            }
        }
        for (feed, from, to) in spans {
            let Some(now) = current.get(feed) else {
                findings.push(Finding::violation("I1", "revision-without-feed", &object, format!("no feed {feed}")));
                continue;
            };
            if to.is_some_and(|end| end <= from) {
                findings.push(Finding::violation(
                    "I1",
                    "revision-empty",
                    &object,
                    format!("valid from {from} to {to:?}"),
                ));
            }
            if from > *now || to.is_some_and(|end| end > *now) {
                let message = format!("of an import that has not ended (from {from} to {to:?}, current is {now})");
                findings.push(Finding::leftover("I1", "import-unfinished", &object, message));
            }
        }
    }
    findings
}
