//! Spans of time as people write them: `30s`, `90m`, `12h`, `14d`.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::{Deserialize as _, Deserializer, de::Error as _};

/// A text that is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no span of time: write it as 30s, 12h or 14d")]
pub struct BadSpan(String);

/// Reads a span of time. A day is 24 hours, for nothing that is set is so exact that a change of the clocks matters.
///
/// # Errors
/// It is none, or negative, or has units that are not always of one length.
pub fn parse(text: &str) -> Result<Duration, BadSpan> {
    let span = text.trim().parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let said = span.ok().and_then(|span| Duration::try_from(span).ok());
    said.ok_or_else(|| BadSpan(text.chars().take(100).collect()))
}

/// Writes a span of time so that [`parse`] reads it.
#[must_use]
pub fn written(span: Duration) -> String {
    const DAY: u64 = 24 * 3600;
    match span.as_secs() {
        seconds if seconds > 0 && seconds % DAY == 0 && span.subsec_nanos() == 0 => format!("{}d", seconds / DAY),
        _ => format!("{:#}", SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)),
    }
}

/// For `#[serde(with = "span")]`.
///
/// # Errors
/// As [`parse`].
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them_and_written_so_that_they_read_back() {
        for (text, seconds) in
            [("14d", 14 * 24 * 3600), (" 12h ", 12 * 3600), ("1h 30m", 5_400), ("90s", 90), ("0s", 0)]
        {
            let span = Duration::from_secs(seconds);
            assert_eq!(parse(text), Ok(span), "{text}");
            assert_eq!(parse(&written(span)), Ok(span), "{}", written(span));
        }
        assert_eq!(written(Duration::from_secs(14 * 24 * 3600)), "14d");
        for bad in ["", "soon", "-1h", "12", "1 month", "d"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
