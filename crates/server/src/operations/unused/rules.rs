//! The rules: what calls a package unused, and what keeps it all the same.

use patchwharf_db::packages::Usage;
use patchwharf_model::{JobId, Timestamp, UnusedAfter, UnusedRule, job::DeleteUnused, package::VersionState};

use super::settings;
use crate::{app::App, settings::keep};

/// The rules of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    superseded: UnusedAfter,
    disabled: UnusedAfter,
    without_policy: UnusedAfter,
    also_supplied: bool,
}

/// What calls a package unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unused {
    pub(super) rule: UnusedRule,
    /// Since when it is so.
    pub(super) since: Timestamp,
}

/// What the rules say of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No rule takes it.
    Used,
    /// It is superseded for long enough, and an enabled policy has it.
    Needed,
    Unused(Unused),
}

impl Rules {
    /// What is set, and what the run says instead.
    pub(super) async fn read(app: &App, wish: &DeleteUnused) -> patchwharf_db::Result<Self> {
        Ok(Self {
            superseded: either(app, wish.superseded_after, settings::SUPERSEDED_AFTER).await?,
            disabled: either(app, wish.disabled_after, settings::DISABLED_AFTER).await?,
            without_policy: either(app, wish.without_policy_after, settings::WITHOUT_POLICY_AFTER).await?,
            also_supplied: wish.also_supplied,
        })
    }

    /// What is to be said of the rules themselves.
    pub(super) async fn warning(&self, app: &App) -> patchwharf_db::Result<Option<String>> {
        Ok(settings::never(settings::DISABLED_AFTER, self.disabled, keep::AUDIT.now(app).await?))
    }

    pub(super) fn are_all_off(&self) -> bool {
        [self.superseded, self.disabled, self.without_policy].iter().all(|rule| *rule == UnusedAfter::OFF)
    }

    /// The first rule that takes a package, in the order in which people would give the reason.
    pub(super) fn judge(&self, usage: &Usage, now: Timestamp) -> Verdict {
        let superseded = usage.superseded_since.filter(|since| self.superseded.is_over(*since, now));
        if let Some(since) = superseded.filter(|_| usage.enabled_policies == 0) {
            return Verdict::Unused(Unused { rule: UnusedRule::Superseded, since });
        }
        if usage.policies == 0 {
            if let Some(since) = usage.disabled_since.filter(|since| self.disabled.is_over(*since, now)) {
                return Verdict::Unused(Unused { rule: UnusedRule::Disabled, since });
            }
            if is_staged(usage.state) && self.without_policy.is_over(usage.since, now) {
                return Verdict::Unused(Unused { rule: UnusedRule::WithoutPolicy, since: usage.since });
            }
        }
        if superseded.is_some() { Verdict::Needed } else { Verdict::Used }
    }

    /// Why a package that a rule takes stays; `job` is the one that asks.
    pub(super) fn obstacle(&self, usage: &Usage, job: JobId, now: Timestamp) -> Option<String> {
        let holder = usage.lock_job.filter(|holder| *holder != job);
        match (holder, usage.lock_until) {
            (Some(holder), Some(until)) if until >= now => {
                return Some(format!("job {holder} holds it now; the next run looks at it again"));
            }
            _ => {}
        }
        if usage.unfinished {
            return Some("another version of it is being made; the next run looks at it again".to_owned());
        }
        // What its feed and the policies say of it comes back with the import that proves it.
        if usage.unproved {
            return Some(
                "it is unproved: its row was made again from the disk, and what the feed and the policies say of it is not \
                 known yet; import its feed, or name the key that signed it (`patchwharf store rebuild --trust`)"
                    .to_owned(),
            );
        }
        (usage.by_hand && !self.also_supplied).then(|| {
            "no address is known for one of its files: it was supplied by hand and cannot be fetched again; \
             `patchwharf job run delete-unused --also-supplied` takes it too"
                .to_owned()
        })
    }
}

async fn either(app: &App, said: Option<UnusedAfter>, name: &str) -> patchwharf_db::Result<UnusedAfter> {
    match said {
        Some(said) => Ok(said),
        None => settings::rule(app, name).await,
    }
}

/// Whether it was staged; damage came later, and says so.
fn is_staged(state: VersionState) -> bool {
    matches!(state, VersionState::Staged | VersionState::Corrupt | VersionState::Missing)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use patchwharf_model::{LocationId, PackageId};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn ago(days: u32) -> Timestamp {
        now() - DAY * days
    }

    fn usage() -> Usage {
        Usage {
            package_id: PackageId::new(),
            version: 1,
            location_id: LocationId::new(),
            state: VersionState::Staged,
            since: ago(90),
            size_bytes: 10,
            update_key: "u".into(),
            bulletin_id: None,
            bulletin: "B".into(),
            disabled_since: None,
            superseded_by: None,
            superseded_since: None,
            policies: 0,
            enabled_policies: 0,
            by_hand: false,
            unproved: false,
            unfinished: false,
            lock_job: None,
            lock_until: None,
        }
    }

    fn superseded(since: Timestamp) -> Usage {
        Usage { superseded_since: Some(since), ..usage() }
    }

    fn disabled(since: Timestamp) -> Usage {
        Usage { disabled_since: Some(since), ..usage() }
    }

    fn after(days: u32) -> UnusedAfter {
        UnusedAfter(Some(DAY * days))
    }

    const NONE: Rules = Rules {
        superseded: UnusedAfter::OFF,
        disabled: UnusedAfter::OFF,
        without_policy: UnusedAfter::OFF,
        also_supplied: false,
    };

    fn by(rules: Rules, usage: &Usage) -> Option<UnusedRule> {
        match rules.judge(usage, now()) {
            Verdict::Unused(unused) => Some(unused.rule),
            Verdict::Used | Verdict::Needed => None,
        }
    }

    #[test]
    fn rules_that_are_off_take_nothing() {
        assert!(NONE.are_all_off());
        for one in [superseded(ago(9_000)), disabled(ago(9_000)), usage()] {
            assert_eq!(NONE.judge(&one, now()), Verdict::Used);
        }
    }

    #[test]
    fn superseded_for_as_long_as_the_rule_says_and_not_a_moment_less() {
        let rules = Rules { superseded: after(30), ..NONE };
        let at = |since: Timestamp| by(rules, &superseded(since));
        assert_eq!(at(ago(30)), Some(UnusedRule::Superseded));
        assert_eq!(at(ago(30) + Duration::from_micros(1)), None);
        assert_eq!(at(now() + DAY), None, "a clock that ran ahead wrote it");
        let off = Usage { policies: 1, ..superseded(ago(40)) };
        assert_eq!(by(rules, &off), Some(UnusedRule::Superseded), "a policy that is turned off does not need it");
        let on = Usage { enabled_policies: 1, ..off };
        assert_eq!(rules.judge(&on, now()), Verdict::Needed);
    }

    #[test]
    fn disabled_and_in_no_policy_whether_that_is_on_or_off() {
        let rules = Rules { disabled: after(30), ..NONE };
        assert_eq!(by(rules, &disabled(ago(30))), Some(UnusedRule::Disabled));
        assert_eq!(by(rules, &disabled(ago(29))), None);
        assert_eq!(by(rules, &Usage { policies: 1, ..disabled(ago(40)) }), None);
        assert_eq!(by(rules, &usage()), None, "it is not disabled");
    }

    #[test]
    fn staged_long_ago_and_in_no_policy() {
        let rules = Rules { without_policy: after(90), ..NONE };
        assert_eq!(by(rules, &usage()), Some(UnusedRule::WithoutPolicy));
        assert_eq!(by(rules, &Usage { since: ago(89), ..usage() }), None, "staged again not long ago");
        assert_eq!(by(rules, &Usage { policies: 1, ..usage() }), None);
        assert_eq!(by(rules, &Usage { state: VersionState::Corrupt, ..usage() }), Some(UnusedRule::WithoutPolicy));
        assert_eq!(by(rules, &Usage { state: VersionState::Staging, ..usage() }), None);
    }

    #[test]
    fn a_package_that_is_held_made_or_supplied_by_hand_stays() {
        let (job, other) = (JobId::new(), JobId::new());
        let free = |usage: &Usage| NONE.obstacle(usage, job, now()).is_none();
        assert!(free(&usage()));
        let held = Usage { lock_job: Some(other), lock_until: Some(now()), ..usage() };
        assert!(!free(&held) && NONE.obstacle(&held, job, now()).unwrap().contains(&other.to_string()));
        assert!(free(&Usage { lock_until: Some(ago(1)), ..held.clone() }), "whoever held it is gone");
        assert!(free(&Usage { lock_job: Some(job), ..held }), "the lock is our own");
        assert!(!free(&Usage { unfinished: true, ..usage() }));
        assert!(!free(&Usage { unproved: true, ..usage() }), "nobody knows yet what it is for");
        let by_hand = Usage { by_hand: true, ..usage() };
        assert!(NONE.obstacle(&by_hand, job, now()).unwrap().contains("--also-supplied"));
        assert!(Rules { also_supplied: true, ..NONE }.obstacle(&by_hand, job, now()).is_none());
    }
}
