//! Whether the clock runs straight: compared with the monotonic clock, which nobody can set.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use patchwharf_model::Timestamp;

/// What the clock may be off from the monotonic clock within a day. Steps of time servers are far smaller.
const SLACK: SignedDuration = SignedDuration::from_hours(1);
/// How long the clock must have run straight before it is believed again.
const STRAIGHT: Duration = Duration::from_secs(24 * 3600);
/// How long a server may have been off before its clock is doubted.
const AWAY: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What a look at the clock told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It runs straight.
    Straight,
    /// It was set by so much since the last look (negative: back).
    Jumped(SignedDuration),
    /// It has run straight for a day after a jump.
    Believed,
}

/// What is kept from one life of the server to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// What the clock said.
    pub(super) wall: Timestamp,
    /// In doubt: how long it had run straight until then. None: it was believed.
    pub(super) straight: Option<Duration>,
}

/// The history of the clock.
#[derive(Debug)]
pub(super) struct Steady {
    /// Both clocks when the comparison began.
    since: (Timestamp, Instant),
    /// Whether what goes by age has to wait.
    doubted: bool,
    /// How long the clock had run straight before, in earlier lives, while it was in doubt.
    before: Duration,
}

impl Steady {
    /// Begins to compare. `last`: what was noted when a server last ran here, in an earlier life; none is nothing to compare
    /// with. Says how far the clock is off from what can be. A doubt outlives a restart: otherwise the second start would
    /// believe the clock because the first one had noted what it said.
    pub(super) fn new(wall: Timestamp, mono: Instant, last: Option<Noted>) -> (Self, Seen) {
        let off = last.map(|last| wall.duration_since(last.wall)).filter(|off| *off > AWAY || *off < -SLACK);
        if let Some(off) = off {
            return (Self::doubting(wall, mono), Seen::Jumped(off));
        }
        let straight = last.and_then(|last| last.straight);
        let steady = Self { since: (wall, mono), doubted: straight.is_some(), before: straight.unwrap_or_default() };
        (steady, Seen::Straight)
    }

    /// Begins with doubts: it is not known when a server last ran here.
    pub(super) fn doubting(wall: Timestamp, mono: Instant) -> Self {
        Self { since: (wall, mono), doubted: true, before: Duration::ZERO }
    }

    /// What is to be kept for the next life.
    pub(super) fn note(&self, wall: Timestamp, mono: Instant) -> Noted {
        let straight = self.before.saturating_add(mono.saturating_duration_since(self.since.1));
        Noted { wall, straight: self.doubted.then_some(straight) }
    }

    /// Compares the two clocks.
    pub(super) fn look(&mut self, wall: Timestamp, mono: Instant) -> Seen {
        let lived = mono.saturating_duration_since(self.since.1);
        let expected = self.since.0.checked_add(lived).unwrap_or(Timestamp::MAX);
        let off = wall.duration_since(expected);
        if off.abs() > SLACK {
            *self = Self::doubting(wall, mono);
            return Seen::Jumped(off);
        }
        if self.before.saturating_add(lived) < STRAIGHT {
            return Seen::Straight;
        }
        self.since = (wall, mono);
        self.before = Duration::ZERO;
        if std::mem::take(&mut self.doubted) { Seen::Believed } else { Seen::Straight }
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.doubted
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Two clocks that a test moves apart.
    struct Bench {
        wall: Timestamp,
        mono: Instant,
        steady: Steady,
    }

    impl Bench {
        fn new() -> Self {
            let (wall, mono) = ("2026-11-22T12:00:00Z".parse().unwrap(), Instant::now());
            Self { wall, mono, steady: Steady::new(wall, mono, None).0 }
        }

        /// The machine lives so many minutes, and its clock is set by so many hours meanwhile.
        fn after(&mut self, minutes: u64, set_by_hours: i64) -> (Seen, bool) {
            let lived = Duration::from_secs(minutes * 60);
            self.mono += lived;
            self.wall = self.wall + lived + SignedDuration::from_hours(set_by_hours);
            (self.steady.look(self.wall, self.mono), self.steady.is_doubted())
        }
    }

    #[test]
    fn a_clock_that_runs_with_the_monotonic_one_is_believed_for_ever() {
        let mut bench = Bench::new();
        for _ in 0..10_000 {
            assert_eq!(bench.after(30, 0), (Seen::Straight, false));
        }
    }

    #[test]
    fn x_04_after_a_jump_the_clock_must_run_straight_for_a_day() {
        for hours in [24, -24, 87_660, -87_660] {
            let mut bench = Bench::new();
            bench.after(60, 0);
            assert_eq!(bench.after(1, hours), (Seen::Jumped(SignedDuration::from_hours(hours)), true));
            assert_eq!(bench.after(23 * 60, 0), (Seen::Straight, true), "not even a day has passed");
            assert_eq!(bench.after(60, 0), (Seen::Believed, false));
        }
    }

    #[test]
    fn x_04_back_and_forth_is_two_jumps_and_the_day_begins_anew() {
        let mut bench = Bench::new();
        assert!(matches!(bench.after(1, 87_660), (Seen::Jumped(_), true)));
        assert_eq!(bench.after(23 * 60, 0), (Seen::Straight, true));
        assert!(matches!(bench.after(1, -87_660), (Seen::Jumped(_), true)));
        assert_eq!(bench.after(23 * 60, 0), (Seen::Straight, true));
        assert_eq!(bench.after(61, 0), (Seen::Believed, false));
    }

    #[test]
    fn many_small_steps_count_as_the_one_that_they_are() {
        let mut bench = Bench::new();
        let mut jumped = false;
        for _ in 0..8 {
            bench.wall += SignedDuration::from_mins(10);
            jumped |= matches!(bench.after(1, 0).0, Seen::Jumped(_));
        }
        assert!(jumped && bench.steady.is_doubted());
    }

    #[test]
    fn a_server_that_was_off_for_a_weekend_goes_on_and_one_of_another_year_does_not() {
        let (now, mono): (Timestamp, _) = ("2026-11-22T12:00:00Z".parse().unwrap(), Instant::now());
        let last = |hours: i64| Some(Noted { wall: now - SignedDuration::from_hours(hours), straight: None });
        let doubted = |last| Steady::new(now, mono, last).0.is_doubted();
        assert!(!doubted(last(72)) && !doubted(None) && !doubted(last(0)));
        assert!(doubted(last(365 * 24)) && doubted(last(-2)));
        assert!(Steady::doubting(now, mono).is_doubted());
    }

    #[test]
    fn x_04_a_doubt_outlives_restarts_and_ends_after_a_day_of_straight_running_in_all() {
        let mut bench = Bench::new();
        assert!(matches!(bench.after(1, 87_660), (Seen::Jumped(_), true)));
        for hour in 1..=24 {
            let noted = bench.steady.note(bench.wall, bench.mono);
            assert!(noted.straight.is_some(), "{hour}");
            let (steady, seen) = Steady::new(bench.wall, bench.mono, Some(noted));
            assert_eq!((steady.is_doubted(), seen), (true, Seen::Straight), "a start believes nothing by itself");
            bench.steady = steady;
            bench.after(60, 0);
        }
        assert!(!bench.steady.is_doubted());
        assert_eq!(bench.steady.note(bench.wall, bench.mono).straight, None);
        let noted = Noted { wall: bench.wall, straight: Some(Duration::from_secs(23 * 3600)) };
        let later = bench.wall + SignedDuration::from_hours(87_660);
        let mut again = Steady::new(later, bench.mono, Some(noted)).0;
        again.look(later + Duration::from_secs(7200), bench.mono + Duration::from_secs(7200));
        assert!(again.is_doubted(), "another jump begins the day anew");
    }
}
