//! What part of a file a request wants (RFC 9110, sections 13 and 14).

use axum::http::{HeaderMap, header};

/// What part of a file a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// The bytes `from..to`.
    Part {
        /// First byte.
        from: u64,
        /// One past the last byte.
        to: u64,
    },
    /// A range that lies outside.
    Nothing,
    /// The client has it already.
    NotModified,
}

/// Reads the conditions and the range. Several ranges, other units and what cannot be read are ignored, as the
/// standard allows: the client gets the whole file.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|list| names(list, etag)) {
        return Wanted::NotModified;
    }
    let Some(range) = text(header::RANGE) else { return Wanted::Whole };
    if headers.contains_key(header::IF_RANGE) && text(header::IF_RANGE) != Some(etag) {
        return Wanted::Whole;
    }
    match range.strip_prefix("bytes=") {
        Some(one) if !one.contains(',') => part(one.trim(), size).unwrap_or(Wanted::Whole),
        _ => Wanted::Whole,
    }
}

/// Whether a list of entity tags names this one; weak comparison.
fn names(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

fn part(range: &str, size: u64) -> Option<Wanted> {
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // More digits than fit mean "beyond the end".
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (from, to) = match (first, last) {
        ("", suffix) => (size.saturating_sub(number(suffix)?), if number(suffix)? == 0 { 0 } else { size }),
        (first, "") => (number(first)?, size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            (first, last.saturating_add(1).min(size))
        }
    };
    Some(if from < to { Wanted::Part { from, to } } else { Wanted::Nothing })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ETAG: &str = "\"abc\"";

    fn ask(pairs: &[(&str, &str)]) -> Wanted {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        wanted(&headers, ETAG, 100)
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let range = |text| ask(&[("range", text)]);
        assert_eq!(range("bytes=0-9"), Wanted::Part { from: 0, to: 10 });
        assert_eq!(range("bytes=90-"), Wanted::Part { from: 90, to: 100 });
        assert_eq!(range("bytes=90-1000"), Wanted::Part { from: 90, to: 100 });
        assert_eq!(range("bytes=-10"), Wanted::Part { from: 90, to: 100 });
        assert_eq!(range("bytes=-1000"), Wanted::Part { from: 0, to: 100 });
        assert_eq!(range("bytes=100-"), Wanted::Nothing);
        assert_eq!(range("bytes=-0"), Wanted::Nothing);
        assert_eq!(range("bytes=99999999999999999999999-"), Wanted::Nothing);
        for ignored in ["bytes=9-1", "bytes=a-b", "bytes=0-1,5-6", "items=0-1", "bytes=", "bytes=-", "bytes=+1-2"] {
            assert_eq!(range(ignored), Wanted::Whole, "{ignored}");
        }
    }

    #[test]
    fn conditions_come_before_ranges() {
        assert_eq!(ask(&[("if-none-match", "\"x\", W/\"abc\""), ("range", "bytes=0-1")]), Wanted::NotModified);
        assert_eq!(ask(&[("if-none-match", "*")]), Wanted::NotModified);
        assert_eq!(ask(&[("if-none-match", "\"x\"")]), Wanted::Whole);
        let part = Wanted::Part { from: 0, to: 2 };
        assert_eq!(ask(&[("if-range", ETAG), ("range", "bytes=0-1")]), part);
        for stale in ["\"x\"", "W/\"abc\"", "Sun, 22 Nov 2026 10:00:00 GMT"] {
            assert_eq!(ask(&[("if-range", stale), ("range", "bytes=0-1")]), Wanted::Whole, "{stale}");
        }
    }
}
