//! Hashing passwords without hurting anybody else: few at a time, off the threads that answer requests. Strangers have a queue of
//! their own with an end: however many come, browsers that an account is known by, links and whoever is signed in do not stand
//! behind them (W-06).

use std::sync::OnceLock;

use patchwharf_model::{
    account::{LONGEST_PASSWORD, SHORTEST_PASSWORD},
    api::Code,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    api::{ApiError, ApiResult},
    metrics::Metrics,
};

/// Each takes 19 MiB and a core for some ten milliseconds.
static STRANGERS: Room = Room::of(2, 16);
static KNOWN: Room = Room::of(1, 256);

/// So many are hashed at once, and so many wait.
struct Room {
    places: Semaphore,
    hashing: Semaphore,
}

/// A place among those whose password is hashed or waits for it.
#[derive(Debug)]
pub(crate) struct Place {
    _place: SemaphorePermit<'static>,
    hashing: &'static Semaphore,
}

impl Room {
    const fn of(at_once: usize, waiting: usize) -> Self {
        Self { places: Semaphore::const_new(at_once + waiting), hashing: Semaphore::const_new(at_once) }
    }

    fn enter(&'static self) -> ApiResult<Place> {
        let detail = "Too many sign-ins are under way. Try again in a moment: nothing was looked at yet. Whoever holds the \
                      server's data folder can make a new password at any time: `patchwharf user link NAME`.";
        match self.places.try_acquire() {
            Ok(place) => Ok(Place { _place: place, hashing: &self.hashing }),
            Err(_) => Err(ApiError::new(Code::TooManyAttempts, detail).retry_after(2)),
        }
    }
}

/// A place for somebody whom nobody knows.
///
/// # Errors
/// `too-many-attempts`: as many wait as may.
pub(crate) fn stranger() -> ApiResult<Place> {
    STRANGERS.enter()
}

/// A place for a browser that the account is known by, for a link, and for whoever is signed in.
///
/// # Errors
/// `too-many-attempts`, should hundreds of them come.
pub(crate) fn known() -> ApiResult<Place> {
    KNOWN.enter()
}

/// The hash of a new password.
///
/// # Errors
/// `weak-password`, or hashing failed.
pub(crate) async fn hash(metrics: &Metrics, name: &str, password: String) -> ApiResult<String> {
    check(name, &password)?;
    let place = known()?;
    let _room = place.hashing.acquire().await.map_err(ApiError::internal)?;
    metrics.password_hashes.inc();
    let hashed = tokio::task::spawn_blocking(move || patchwharf_trust::hash_password(&password));
    hashed.await.map_err(ApiError::internal)?.map_err(ApiError::internal)
}

/// Whether a password fits. Without a hash it takes as long and fits never: nobody learns which accounts there are.
///
/// # Errors
/// The thread was lost.
pub(crate) async fn fits(metrics: &Metrics, place: Place, password: String, hash: Option<String>) -> ApiResult<bool> {
    if password.len() > LONGEST_PASSWORD {
        return Ok(false);
    }
    let _room = place.hashing.acquire().await.map_err(ApiError::internal)?;
    let known = hash.filter(|hash| !hash.is_empty());
    let metrics = metrics.clone();
    let judged = tokio::task::spawn_blocking(move || {
        let hash = known.as_deref().unwrap_or_else(|| nobody(&metrics));
        metrics.password_hashes.inc();
        let fits = patchwharf_trust::verify_password(&password, hash);
        fits && known.is_some()
    });
    judged.await.map_err(ApiError::internal)
}

/// Makes ready what [`fits`] needs: the first who asks for an account that is not must not wait longer than others.
pub(crate) fn prepare(metrics: &Metrics) {
    let metrics = metrics.clone();
    tokio::task::spawn_blocking(move || _ = nobody(&metrics));
}

/// The hash of a password that nobody has, or has ever seen.
fn nobody(metrics: &Metrics) -> &'static str {
    static NOBODY: OnceLock<String> = OnceLock::new();
    NOBODY.get_or_init(|| {
        metrics.password_hashes.inc();
        let secret = patchwharf_trust::random_token();
        secret.ok().and_then(|secret| patchwharf_trust::hash_password(&secret).ok()).unwrap_or_default()
    })
}

fn check(name: &str, password: &str) -> ApiResult<()> {
    let weak = |why: String| Err(ApiError::new(Code::WeakPassword, why));
    if password.chars().count() < SHORTEST_PASSWORD {
        return weak(format!("A password has at least {SHORTEST_PASSWORD} characters; several words are a good one."));
    }
    if password.len() > LONGEST_PASSWORD {
        return weak(format!("A password has at most {LONGEST_PASSWORD} bytes."));
    }
    let lower = password.to_lowercase();
    let different: std::collections::HashSet<char> = lower.chars().collect();
    if different.len() < 5 || lower.contains("patchwharf") || (!name.is_empty() && lower.contains(name)) {
        return weak(
            "The password is too easy: it repeats itself, or holds the account's name or this program's.".to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn easy_passwords_are_refused_with_the_reason() {
        for bad in ["short", "aaaaaaaaaaaaaaaa", "my-patchwharf-1", "anna-anna-anna-1", &"xyzab".repeat(300)] {
            assert_eq!(check("anna", bad).unwrap_err().problem().code, "weak-password", "{bad}");
        }
        check("anna", "four quite long words").unwrap();
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let metrics = Metrics::default();
        let fits =
            async |password: &str, hash| fits(&metrics, known().unwrap(), password.to_owned(), hash).await.unwrap();
        assert!(!fits("anything at all", None).await);
        assert!(!fits("anything at all", Some(String::new())).await);
        let hash = hash(&metrics, "anna", "four quite long words".to_owned()).await.unwrap();
        assert!(fits("four quite long words", Some(hash)).await);
    }

    #[tokio::test]
    async fn w_06_a_crowd_of_strangers_ends_and_holds_up_nobody_who_is_known() {
        let metrics = Metrics::default();
        let crowd: Vec<Place> = std::iter::from_fn(|| stranger().ok()).collect();
        assert_eq!(crowd.len(), 18);
        assert_eq!(stranger().unwrap_err().problem().code.as_str(), "too-many-attempts");
        let hashed = [STRANGERS.hashing.acquire().await.unwrap(), STRANGERS.hashing.acquire().await.unwrap()];
        let hash = hash(&metrics, "anna", "four quite long words".to_owned()).await.unwrap();
        let word = "four quite long words".to_owned();
        assert!(fits(&metrics, known().unwrap(), word, Some(hash)).await.unwrap(), "while all strangers wait");
        drop((crowd, hashed));
        stranger().unwrap();
    }
}
