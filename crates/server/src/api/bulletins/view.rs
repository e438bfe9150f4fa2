//! From rows to wire types.

use patchwharf_db::bulletins::{Bulletin, BulletinSort as Sort, Refers as Row, Trouble};
use patchwharf_model::api::{BulletinSort, BulletinSummary, BulletinTrouble, PolicyReference, Refers};

/// Characters of a description that a list brings.
const EXCERPT: usize = 240;

pub(super) fn summary(row: Bulletin, trouble: Option<Trouble>) -> BulletinSummary {
    BulletinSummary {
        excerpt: excerpt(&row.description),
        trouble: trouble.map(|found| BulletinTrouble {
            package: found.package_id,
            state: found.state,
            reason: found.reason,
            unproved: found.unproved,
        }),
        downloaded: row.is_downloaded(),
        id: row.bulletin_id,
        name: row.name,
        feed: row.feed_id,
        feed_name: row.feed,
        title: row.title,
        vendor: row.vendor,
        severity: row.severity,
        custom_severity: row.custom_severity,
        enabled: row.enabled,
        updates: row.updates,
        packages: row.packages,
        bad_packages: row.bad_packages,
        policies: row.policies,
        oldest_proof_at: row.oldest_proof_at,
        released_at: row.released_at,
        revised_at: row.revised_at,
        superseded_by: row.superseded_by,
        withdrawn: row.withdrawn,
        listed: row.listed,
    }
}

/// The beginning of a text in one line.
fn excerpt(text: &str) -> String {
    let mut short = String::new();
    for word in text.split_whitespace() {
        let room = EXCERPT - short.chars().count();
        if !short.is_empty() {
            short.push(' ');
        }
        short.extend(word.chars().take(room));
        if word.chars().count() >= room {
            short.push('\u{2026}');
            break;
        }
    }
    short
}

pub(super) fn refers(row: Row, superseded_by: Option<String>) -> Refers {
    Refers {
        policies: row.policies.into_iter().map(|(id, name)| PolicyReference { id, name }).collect(),
        updates: row.updates,
        packages: row.packages,
        superseded_by,
        supersedes: row.supersedes,
        jobs: row.jobs,
    }
}

pub(super) fn sort(sort: BulletinSort) -> Sort {
    match sort {
        BulletinSort::Name => Sort::Name,
        BulletinSort::Severity => Sort::Severity,
        BulletinSort::CustomSeverity => Sort::CustomSeverity,
        BulletinSort::Downloaded => Sort::Downloaded,
        BulletinSort::Released => Sort::Released,
        BulletinSort::Revised => Sort::Revised,
        BulletinSort::Updates => Sort::Updates,
        BulletinSort::Packages => Sort::Packages,
        BulletinSort::BadPackages => Sort::BadPackages,
        BulletinSort::Policies => Sort::Policies,
        BulletinSort::OldestProof => Sort::OldestProof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_the_beginning_of_a_description_in_one_line() {
        assert_eq!(excerpt(""), "");
        assert_eq!(excerpt(" Fixes\r\n\r\nthe   spooler. "), "Fixes the spooler.");
        let long = excerpt(&"\u{e4}".repeat(1_000));
        assert_eq!((long.chars().count(), long.ends_with('\u{2026}')), (EXCERPT + 1, true));
        assert!(excerpt(&"word ".repeat(1_000)).chars().count() <= EXCERPT + 2);
    }
}
