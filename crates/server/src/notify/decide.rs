//! Whether people are told now: a digest rather than a flood.

use std::time::Duration;

use patchwharf_db::notifications::Kind;
use patchwharf_model::Timestamp;

use super::message::Trouble;
use crate::config::NotifyConfig;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Something is not well, or something else than before.
    Bad,
    /// The same as the last time, a day later.
    Reminder,
    /// It is over.
    Well,
}

/// What is noted, and whether it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) after: Kind,
    pub(super) tell: Option<News>,
}

/// At most one message of a kind in `every`; what comes meanwhile is gathered into the next. What was never told is not
/// told to be over. A clock that was set back keeps nobody waiting.
pub(super) fn decide(before: Option<&Kind>, trouble: &Trouble, config: &NotifyConfig, now: Timestamp) -> Decision {
    let new = Kind {
        kind: trouble.kind.clone(),
        bad: false,
        since: now,
        told_at: Timestamp::UNIX_EPOCH,
        told: String::new(),
        seen: trouble.seen.clone(),
    };
    let before = before.cloned().unwrap_or(new);
    let bad = trouble.count > 0;
    let since = if bad == before.bad && !trouble.is_event { before.since } else { now };
    let may = |wait: Duration| {
        let due = before.told_at.checked_add(wait).unwrap_or(Timestamp::MAX);
        due <= now || before.told_at > now
    };
    let quiet = Kind { bad, since, ..before.clone() };
    let told = |told: &str| Kind { told_at: now, told: told.to_owned(), seen: trouble.seen.clone(), ..quiet.clone() };
    let (after, tell) = match bad {
        true if trouble.is_event => match may(config.every) {
            true => (Kind { bad: false, ..told("") }, Some(News::Bad)),
            // Not seen yet: it is gathered.
            false => (Kind { bad: false, since: before.since, ..quiet }, None),
        },
        true if before.told.is_empty() || before.told != trouble.same => match may(config.every) {
            true => (told(&trouble.same), Some(News::Bad)),
            false => (quiet, None),
        },
        true if !config.remind.is_zero() && may(config.remind) => (told(&trouble.same), Some(News::Reminder)),
        true => (quiet, None),
        false if !before.told.is_empty() => (told(""), Some(News::Well)),
        false if trouble.is_event => (Kind { since: before.since, seen: trouble.seen.clone(), ..quiet }, None),
        false => (quiet, None),
    };
    Decision { after, tell }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The history of one kind.
    struct History {
        kind: Option<Kind>,
        now: Timestamp,
        is_event: bool,
    }

    impl History {
        fn new(is_event: bool) -> Self {
            Self { kind: None, now: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 365 * 50), is_event }
        }

        /// So many minutes later it is like this; empty: all is well.
        fn after(&mut self, minutes: i64, same: &str) -> Option<News> {
            self.now += jiff::SignedDuration::from_mins(minutes);
            let trouble = Trouble {
                kind: "packages".into(),
                count: u64::from(!same.is_empty()),
                headline: same.into(),
                well: "over",
                lines: Vec::new(),
                advice: String::new(),
                same: same.into(),
                is_event: self.is_event,
                seen: same.into(),
            };
            let decision = decide(self.kind.as_ref(), &trouble, &NotifyConfig::default(), self.now);
            self.kind = Some(decision.after);
            decision.tell
        }
    }

    #[test]
    fn trouble_is_told_once_reminded_of_daily_and_told_to_be_over() {
        let mut packages = History::new(false);
        assert_eq!(packages.after(0, ""), None);
        assert_eq!(packages.after(1, "a"), Some(News::Bad));
        for _ in 0..23 {
            assert_eq!(packages.after(60, "a"), None);
        }
        assert_eq!(packages.after(60, "a"), Some(News::Reminder));
        assert_eq!(packages.after(1, ""), Some(News::Well));
        assert_eq!(packages.after(1, ""), None);
    }

    #[test]
    fn a_flood_becomes_one_message_in_an_hour() {
        let mut packages = History::new(false);
        let told: Vec<_> = (0..600).filter_map(|n| packages.after(1, &format!("{n} packages"))).collect();
        assert_eq!(told.len(), 10, "{told:?}");
    }

    #[test]
    fn what_comes_and_goes_between_two_messages_is_not_told_to_be_over() {
        let mut packages = History::new(false);
        assert_eq!(packages.after(0, "a"), Some(News::Bad));
        assert_eq!(packages.after(1, ""), Some(News::Well));
        assert_eq!(packages.after(1, "b"), None, "within the hour");
        assert_eq!(packages.after(1, ""), None, "never told, so never over");
        assert_eq!(packages.after(1, "c"), None);
        assert_eq!(packages.after(60, "c"), Some(News::Bad));
    }

    #[test]
    fn events_are_gathered_and_never_over() {
        let mut jobs = History::new(true);
        assert_eq!(jobs.after(0, "1"), Some(News::Bad));
        assert_eq!(jobs.after(1, ""), None);
        assert_eq!(jobs.after(1, "2"), None);
        assert_eq!(jobs.kind.as_ref().map(|kind| kind.seen.as_str()), Some(""), "not seen before it is told");
        assert_eq!(jobs.after(60, "2"), Some(News::Bad));
        assert_eq!(jobs.kind.as_ref().map(|kind| kind.seen.as_str()), Some("2"));
        assert_eq!(jobs.after(24 * 60, ""), None);
    }

    #[test]
    fn x_04_a_clock_that_was_set_back_keeps_nobody_waiting() {
        let mut packages = History::new(false);
        assert_eq!(packages.after(60 * 24 * 3650, "a"), Some(News::Bad));
        assert_eq!(packages.after(-60 * 24 * 3650, "b"), Some(News::Bad));
    }
}
