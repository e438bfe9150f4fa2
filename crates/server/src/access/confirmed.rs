//! Sessions whose owner has shown a moment ago that they are still there.
//!
//! An open session must not be enough to take an account over: what changes who may do what asks for the password once
//! more, unless it was given in the last minutes. A second factor has its place here, too.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use patchwharf_model::{SessionId, Timestamp};

/// How long a password counts.
const COUNTS: Duration = Duration::from_secs(5 * 60);

/// When sessions gave their password again. In memory: a restart asks anew.
#[derive(Debug, Default)]
pub struct Confirmed(Mutex<HashMap<SessionId, Instant>>);

impl Confirmed {
    /// Notes that a session has given its password. What counts no longer is forgotten.
    pub(crate) fn note(&self, session: SessionId, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, at| now.duration_since(*at) < COUNTS);
        known.insert(session, now);
    }

    /// Whether a session has given its password a moment ago: again, or when it began.
    pub(crate) fn is(&self, session: SessionId, began: Timestamp, (clock, now): (Timestamp, Instant)) -> bool {
        let age = clock.duration_since(began);
        if !age.is_negative() && age.unsigned_abs() < COUNTS {
            return true;
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&session).is_some_and(|at| now.duration_since(*at) < COUNTS)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_counts_for_some_minutes() {
        let (confirmed, start) = (Confirmed::default(), Instant::now());
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let later = |second| start + Duration::from_secs(second);
        let (one, other) = (SessionId::new(), SessionId::new());
        assert!(confirmed.is(one, at(0), (at(299), start)), "it has just begun");
        assert!(!confirmed.is(one, at(0), (at(300), start)));
        assert!(!confirmed.is(one, at(1), (at(0), start)), "begun in the future: the clock was set");
        confirmed.note(one, start);
        assert!(confirmed.is(one, at(0), (at(5_000), later(299))));
        assert!(!confirmed.is(one, at(0), (at(5_000), later(300))));
        assert!(!confirmed.is(other, at(0), (at(5_000), start)), "another session");
        confirmed.note(other, later(400));
        assert_eq!(confirmed.0.lock().unwrap().len(), 1, "what does not count is forgotten");
    }
}
