//! When to try again.

use std::time::Duration;

use http::{HeaderMap, header::RETRY_AFTER};
use patchwharf_model::Timestamp;

use crate::config::FetchConfig;

/// The wait before attempt `attempt` (1 is the second one): doubling, capped, and shortened by a random part of up to
/// half, so that many downloads do not return at the same moment.
pub(super) fn backoff(config: &FetchConfig, attempt: u32) -> Duration {
    let full = config.backoff.saturating_mul(1 << (attempt.saturating_sub(1)).min(16)).min(config.backoff_cap);
    let random = (uuid::Uuid::new_v4().as_u128() & 0xffff) as f64 / f64::from(0xffff);
    full.mul_f64(0.5 + 0.5 * random)
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110 section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn asked(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, "2026-11-22T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 22 Nov 2026 10:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(asked("Sun, 22 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn waits_grow_and_are_capped() {
        let config = FetchConfig::default();
        assert!(backoff(&config, 1) <= config.backoff);
        assert!(backoff(&config, 40) <= config.backoff_cap);
        assert!(backoff(&config, 40) >= config.backoff_cap / 2);
    }
}
