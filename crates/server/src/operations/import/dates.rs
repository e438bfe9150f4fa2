//! Whether a catalogue's date may be believed (row S-22).

use patchwharf_model::Timestamp;

use super::CONFIRM;
use crate::operations::OperationError;

/// How far a catalogue may be ahead of the clock, in seconds.
const SKEW_SECONDS: i64 = 24 * 60 * 60;

/// Refuses a catalogue from the future, and one that is older than the one that is held. apt's signed dates were
/// checked by the parser before; here it is the newest entry of a catalogue that has no date of its own.
pub(super) fn believe(
    feed: &str,
    date: Option<Timestamp>,
    held: Option<Timestamp>,
    now: Timestamp,
    confirmed: bool,
) -> Result<(), OperationError> {
    let Some(date) = date else { return Ok(()) };
    if date.as_second() > now.as_second() + SKEW_SECONDS {
        let text = format!(
            "the catalogue of feed {feed:?} is dated {date}, which is in the future (now: {now}); check this machine's \
             clock, else tell the vendor. What was imported before stays"
        );
        return Err(OperationError::new("catalogue-from-future", text));
    }
    if let Some(held) = held.filter(|held| date < *held && !confirmed) {
        let text = format!(
            "the catalogue of feed {feed:?} is dated {date} and older than the one of {held} that was imported before: \
             its source went back in time. What was imported before stays; if the vendor took its newest entries back: \
             `patchwharf feed import {feed:?} {CONFIRM}`"
        );
        return Err(OperationError::new("catalogue-rollback", text));
    }
    Ok(())
}

/// Refuses an unchanged archive whose `Valid-Until` has passed meanwhile: whoever serves the same bytes for ever keeps
/// newer updates away.
pub(super) fn still_valid(place: &str, until: Option<Timestamp>, now: Timestamp) -> Result<(), OperationError> {
    let Some(until) = until.filter(|until| *until < now) else { return Ok(()) };
    let text = format!(
        "the archive {place} has not changed and was valid until {until} (now: {now}): its mirror is stale, or someone \
         holds it back; use another mirror, or check this machine's clock. What was imported before stays"
    );
    Err(OperationError::new("catalogue-expired", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_22_older_and_future_catalogues_are_refused() {
        let at = |second: i64| Timestamp::from_second(second).unwrap_or_default();
        let code = |date, held: Option<i64>, confirmed| {
            believe("f", Some(at(date)), held.map(at), at(1_000_000), confirmed).err().map(|error| error.code)
        };
        assert_eq!(code(999_000, Some(999_000), false), None);
        assert_eq!(code(999_000, None, false), None);
        assert_eq!(code(998_999, Some(999_000), false), Some("catalogue-rollback"));
        assert_eq!(code(998_999, Some(999_000), true), None);
        assert_eq!(code(1_000_000 + SKEW_SECONDS, None, false), None);
        assert_eq!(code(1_000_001 + SKEW_SECONDS, None, true), Some("catalogue-from-future"));
    }

    #[test]
    fn s_22_an_archive_that_never_changes_is_refused_once_its_time_has_passed() {
        let at = |second: i64| Timestamp::from_second(second).unwrap_or_default();
        let code = |until, now| still_valid("a", until, at(now)).err().map(|error| error.code);
        assert_eq!(code(None, 1_000), None);
        assert_eq!(code(Some(at(1_000)), 1_000), None);
        assert_eq!(code(Some(at(1_000)), 1_001), Some("catalogue-expired"));
    }
}
