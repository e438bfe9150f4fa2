//! Hashing passwords without hurting anybody else: two at a time, off the threads that answer requests.

use std::sync::OnceLock;

use patchwharf_model::{
    account::{LONGEST_PASSWORD, SHORTEST_PASSWORD},
    api::Code,
};
use tokio::sync::Semaphore;

use crate::{
    api::{ApiError, ApiResult},
    metrics::Metrics,
};

/// Each takes 19 MiB and a core for some ten milliseconds.
static ROOM: Semaphore = Semaphore::const_new(2);

/// The hash of a new password.
///
/// # Errors
/// `weak-password`, or hashing failed.
pub(crate) async fn hash(metrics: &Metrics, name: &str, password: String) -> ApiResult<String> {
    check(name, &password)?;
    let _room = ROOM.acquire().await.map_err(ApiError::internal)?;
    metrics.password_hashes.inc();
    let hashed = tokio::task::spawn_blocking(move || patchwharf_trust::hash_password(&password));
    hashed.await.map_err(ApiError::internal)?.map_err(ApiError::internal)
}

/// Whether a password fits. Without a hash it takes as long and fits never: nobody learns which accounts there are.
///
/// # Errors
/// The thread was lost.
pub(crate) async fn fits(metrics: &Metrics, password: String, hash: Option<String>) -> ApiResult<bool> {
    if password.len() > LONGEST_PASSWORD {
        return Ok(false);
    }
    let _room = ROOM.acquire().await.map_err(ApiError::internal)?;
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
        assert!(!fits(&metrics, "anything at all".to_owned(), None).await.unwrap());
        assert!(!fits(&metrics, "anything at all".to_owned(), Some(String::new())).await.unwrap());
        let hash = hash(&metrics, "anna", "four quite long words".to_owned()).await.unwrap();
        assert!(fits(&metrics, "four quite long words".to_owned(), Some(hash)).await.unwrap());
    }
}
