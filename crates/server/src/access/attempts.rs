//! Guessing made slow (W-05), without locking anybody out (W-06).
//!
//! After a few failures each further attempt has to wait, longer each time, up to a minute: for the account, whoever
//! asks, and for the source, whatever it asks for. A browser that the account has signed in from before is counted for
//! itself alone, and so is a session: strangers that try the administrator's name, also from behind the same proxy, do not
//! slow the administrator down. Links are not counted: nobody guesses one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use patchwharf_model::SessionId;

/// Failures that nobody is slowed down for.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// After so long without a failure a count begins anew.
const FORGET: Duration = Duration::from_secs(15 * 60);
/// Rows of the audit trail that failures may make in a minute, and lines of the log: whoever has many addresses must not fill
/// the disk, or push everything else out of the log.
const ROWS: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// Keys that are remembered at most; beyond, the oldest goes.
const MOST: usize = 50_000;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Attempts at an account, by whoever is no known browser of it.
    Account(String),
    /// Attempts by a source: an IPv4 address, or an IPv6 network of 64 bits.
    Source(String),
    /// Attempts of a known browser.
    Device(String),
    /// Attempts of a session to show that its owner is still there.
    Session(SessionId),
    /// Changes that another site asked for with the cookie of a session.
    Site(SessionId),
}

/// An attempt that has begun, with what was known before it.
#[derive(Debug)]
pub(crate) struct Attempt {
    at: Instant,
    before: Vec<(Key, Option<Failures>)>,
}

/// Failed attempts of late. In memory: a restart forgives, and takes longer than the longest wait is worth.
#[derive(Debug, Default)]
pub struct Attempts {
    known: Mutex<HashMap<Key, Failures>>,
    trail: Mutex<Told>,
    log: Mutex<Told>,
}

/// What strangers made the audit trail, or the log, tell in the minute that began then.
#[derive(Debug, Default)]
struct Told {
    began: Option<Instant>,
    asked: u64,
}

impl Told {
    /// How many were not told of a minute that is over.
    fn untold(&mut self, now: Instant) -> u64 {
        if self.began.is_none_or(|began| now.duration_since(began) < MINUTE) {
            return 0;
        }
        let Self { asked, .. } = std::mem::take(self);
        asked.saturating_sub(ROWS.into())
    }

    /// Whether one more is told.
    fn may(&mut self, now: Instant) -> bool {
        self.began.get_or_insert(now);
        self.asked += 1;
        self.asked <= u64::from(ROWS)
    }
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// How long the next attempt has to wait from the last one on.
    fn wait(self) -> Duration {
        match self.count.checked_sub(FREE) {
            None | Some(0) => Duration::ZERO,
            Some(more) => LONGEST.min(Duration::from_secs(1 << more.min(6))),
        }
    }
}

impl Attempt {
    /// When this failure is to be put on record: the number of failures of late, should it be one, two, four, ... of them.
    pub(crate) fn is_told(&self) -> Option<u32> {
        let counts = self.before.iter().map(|(_, before)| before.map_or(0, |failures| failures.count) + 1);
        let most = counts.max()?;
        most.is_power_of_two().then_some(most)
    }
}

impl Attempts {
    /// Whether one more failure may go on the audit trail in this minute.
    pub(crate) fn may_tell(&self, now: Instant) -> bool {
        let mut told = self.trail.lock().unwrap_or_else(PoisonError::into_inner);
        told.untold(now);
        told.may(now)
    }

    /// Whether the log has a line for something that anybody can make happen: so many a minute, and then one that counts the
    /// rest.
    pub(crate) fn may_log(&self, now: Instant) -> bool {
        self.log_untold(now);
        self.log.lock().unwrap_or_else(PoisonError::into_inner).may(now)
    }

    /// Writes into the log how many had no line of their own in a minute that is over.
    pub(crate) fn log_untold(&self, now: Instant) {
        let more = self.log.lock().unwrap_or_else(PoisonError::into_inner).untold(now);
        if more > 0 {
            tracing::warn!(more, "{more} more sign-ins and changes of other sites were refused in a minute");
        }
    }

    /// Accounts and sources with at least so many failures of late, the most first.
    pub(crate) fn many(&self, least: u32, now: Instant) -> Vec<(String, u32)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let many = known.iter().filter(|(_, f)| f.count >= least && now.duration_since(f.last) < FORGET);
        let mut many: Vec<_> = many
            .map(|(key, failures)| {
                let name = match key {
                    Key::Account(name) => format!("account {name}"),
                    Key::Source(address) => address.clone(),
                    Key::Device(_) => "a browser that an account is known by".to_owned(),
                    Key::Session(id) => format!("session {id}"),
                    Key::Site(id) => format!("session {id}, from another site"),
                };
                (name, failures.count)
            })
            .collect();
        many.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        many
    }

    /// Begins an attempt: counted as a failure until it is [forgiven](Self::forgive), so that many at once are counted as
    /// many. Otherwise: how long to wait.
    pub(crate) fn begin(&self, keys: &[Key], now: Instant) -> Result<Attempt, Duration> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |failures: &&Failures| now.duration_since(failures.last) < FORGET;
        let waits = keys.iter().filter_map(|key| {
            let failures = known.get(key).filter(fresh)?;
            let left = failures.wait().saturating_sub(now.duration_since(failures.last));
            (!left.is_zero()).then_some(left)
        });
        if let Some(longest) = waits.max() {
            return Err(longest);
        }
        if known.len() >= MOST {
            known.retain(|_, f| now.duration_since(f.last) < FORGET);
        }
        if known.len() >= MOST
            && let Some(oldest) = known.iter().min_by_key(|(_, f)| f.last).map(|(key, _)| key.clone())
        {
            known.remove(&oldest);
        }
        let before: Vec<_> = keys.iter().map(|key| (key.clone(), known.get(key).filter(fresh).copied())).collect();
        for (key, before) in &before {
            let count = before.map_or(0, |failures| failures.count) + 1;
            known.insert(key.clone(), Failures { count, last: now });
        }
        Ok(Attempt { at: now, before })
    }

    /// The attempt succeeded: account, browser and session are as if nothing had been; the source is as it was before
    /// this attempt, so that a success neither helps nor slows down others who share it.
    pub(crate) fn forgive(&self, attempt: Attempt) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, before) in attempt.before {
            let Some(failures) = known.get_mut(&key) else { continue };
            failures.count = failures.count.saturating_sub(1);
            if failures.last == attempt.at {
                failures.last = before.map_or(attempt.at, |before| before.last);
            }
            if !matches!(key, Key::Source(_)) || failures.count == 0 {
                known.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn w_05_guessing_becomes_slow_per_account_and_per_source() {
        let attempts = Attempts::default();
        let (start, mut now, mut tried) = (Instant::now(), Instant::now(), 0);
        let keys = |n: u32| [Key::Account("anna".into()), Key::Source(format!("10.0.0.{n}"))];
        while now.duration_since(start) < Duration::from_secs(600) {
            match attempts.begin(&keys(tried), now) {
                Ok(_) => tried += 1,
                Err(wait) => now += wait,
            }
        }
        assert!(tried <= 25, "{tried} guesses at one account in ten minutes, each from another source");
        let (attempts, mut now, mut tried) = (Attempts::default(), start, 0);
        let keys = |n: u32| [Key::Account(format!("account-{n}")), Key::Source("10.0.0.1".into())];
        while now.duration_since(start) < Duration::from_secs(600) {
            match attempts.begin(&keys(tried), now) {
                Ok(_) => tried += 1,
                Err(wait) => now += wait,
            }
        }
        assert!(tried <= 25, "{tried} accounts tried by one source in ten minutes");
    }

    fn source(address: &str) -> Key {
        Key::Source(address.into())
    }

    #[test]
    fn w_06_a_known_browser_is_not_slowed_down_by_strangers() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let stranger = [Key::Account("anna".into()), source("198.51.100.7")];
        while attempts.begin(&stranger, now).is_ok() {}
        let own = attempts.begin(&[Key::Device("d".into())], now).unwrap();
        attempts.forgive(own);
        assert!(attempts.begin(&stranger, now).is_err());
        assert!(attempts.begin(&stranger, now + LONGEST).is_ok(), "nobody is locked out for good");
    }

    #[test]
    fn w_06_a_success_leaves_its_source_as_it_was() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let second = |n| start + Duration::from_secs(n);
        let failed = |account: &str| [Key::Account(account.into()), source("192.0.2.1")];
        for n in 0..6 {
            attempts.begin(&failed(&format!("a{n}")), second(0)).unwrap();
        }
        let wait = |now| attempts.begin(&failed("b"), now).err();
        assert_eq!(wait(second(0)), Some(Duration::from_secs(2)));
        let good = attempts.begin(&[Key::Account("anna".into()), source("192.0.2.1")], second(2)).unwrap();
        attempts.forgive(good);
        assert_eq!(wait(second(2)), None, "who signs in slows nobody down who shares the address");
        assert_eq!(wait(second(2)), Some(Duration::from_secs(4)), "nor are the failures before it forgotten");
    }

    #[test]
    fn w_05_what_is_told_grows_slower_than_what_is_tried() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let mut told = 0;
        for n in 0..100 {
            let now = start + LONGEST * n;
            told += u32::from(attempts.begin(&[source("192.0.2.1")], now).unwrap().is_told().is_some());
        }
        assert_eq!(told, 7, "1, 2, 4, ... 64");
        assert_eq!((0..100).filter(|_| attempts.may_tell(start)).count(), 20, "however many there are");
        assert!(attempts.may_tell(start + LONGEST));
        assert_eq!((0..100).filter(|_| attempts.may_log(start)).count(), 20, "in the log, too");
        assert_eq!(attempts.log.lock().unwrap().untold(start + MINUTE), 80, "the rest is counted");
        assert_eq!(attempts.log.lock().unwrap().untold(start + MINUTE), 0, "once");
        assert_eq!(attempts.many(20, start + LONGEST * 100), [("192.0.2.1".to_owned(), 100)]);
        assert!(attempts.many(101, start + LONGEST * 100).is_empty());
        assert!(attempts.many(20, start + LONGEST * 200).is_empty(), "it is over");
    }

    #[test]
    fn a_success_at_first_leaves_nothing() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let attempt = attempts.begin(&[Key::Account("anna".into()), source("192.0.2.1")], now).unwrap();
        attempts.forgive(attempt);
        assert_eq!(attempts.known.lock().map_or(1, |known| known.len()), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..MOST + 100 {
            let _ = attempts.begin(&[Key::Account(n.to_string())], now);
        }
        assert!(attempts.known.lock().map_or(0, |known| known.len()) <= MOST);
    }
}
