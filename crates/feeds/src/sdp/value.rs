//! Values in SDP attributes.

use base64::{Engine, prelude::BASE64_STANDARD};
use patchwharf_model::Timestamp;
use uuid::Uuid;

/// `xs:boolean`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "1" => Some(true),
        "false" | "False" | "0" => Some(false),
        _ => None,
    }
}

/// `bt:Guid`, with or without braces; lower case, without.
pub(super) fn guid(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    (bare.len() == 36).then(|| Uuid::try_parse(bare).ok()).flatten().map(|id| id.hyphenated().to_string())
}

/// `xs:dateTime`; without a zone it is taken as UTC (HP writes none).
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        Some(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

/// Base64 of exactly `N` bytes.
pub(super) fn digest<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() > 2 * N {
        return None;
    }
    BASE64_STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

/// A web address that may be shown as a link or fetched.
pub(super) fn is_web_url(text: &str) -> bool {
    let scheme = |name: &str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    (scheme("http://") || scheme("https://")) && text.len() <= 2083
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_17_guids_are_brought_to_one_spelling_or_refused() {
        let lower = "dc718411-a5f1-4b15-966a-63a77cbb156e";
        assert_eq!(guid(lower).as_deref(), Some(lower));
        assert_eq!(guid("{DC718411-A5F1-4b15-966a-63a77cbb156e}").as_deref(), Some(lower));
        for bad in [
            "",
            "{",
            "../../etc/passwd",
            "dc718411a5f14b15966a63a77cbb156e",
            "{dc718411-a5f1-4b15-966a-63a77cbb156e",
            "urn:uuid:dc718411-a5f1-4b15-966a-63a77cbb156e",
            "\u{202e}c718411-a5f1-4b15-966a-63a77cbb156e",
        ] {
            assert_eq!(guid(bad), None, "{bad:?}");
        }
        assert_eq!(guid(&"a".repeat(300)), None);
    }

    #[test]
    fn times_are_read_with_a_zone_and_without() {
        let expected: Timestamp = "2019-02-24T13:27:22Z".parse().ok().unwrap_or_default();
        for text in
            ["2019-02-24T13:27:22", "2019-02-24T13:27:22Z", "2019-02-24T14:27:22+01:00", "2019-02-24T13:27:22.000"]
        {
            assert_eq!(timestamp(text), Some(expected), "{text}");
        }
        assert_eq!(timestamp("yesterday"), None);
    }

    #[test]
    fn digests_have_their_length() {
        assert_eq!(digest::<3>("YWJj"), Some(*b"abc"));
        assert_eq!(digest::<4>("YWJj"), None);
        assert_eq!(digest::<3>("YWJj!"), None);
    }
}
