//! Rules by which packages that nothing uses may be deleted.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Timestamp, named::names, span};

/// Why a package is called unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnusedRule {
    /// Its update has been superseded for long, and no enabled policy needs it.
    Superseded,
    /// Its bulletin has been disabled for long, and no policy refers to it.
    Disabled,
    /// It was staged long ago, and no policy refers to it.
    WithoutPolicy,
}

names!(
    UnusedRule,
    BadUnusedRule,
    "a rule for unused packages",
    Superseded = "superseded",
    Disabled = "disabled",
    WithoutPolicy = "without-policy"
);

/// After how long a rule takes a package: `30d`, or `off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnusedAfter(pub Option<Duration>);

/// A text that names neither a span of time nor `off`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}, or off")]
pub struct BadUnusedAfter(span::BadSpan);

impl UnusedAfter {
    /// The rule takes nothing.
    pub const OFF: Self = Self(None);

    /// Whether what has been so since a time is so for long enough now.
    #[must_use]
    pub fn is_over(self, since: Timestamp, now: Timestamp) -> bool {
        // A time that cannot be reckoned with is never over.
        self.0.and_then(|span| since.checked_add(span).ok()).is_some_and(|end| end <= now)
    }
}

impl FromStr for UnusedAfter {
    type Err = BadUnusedAfter;

    fn from_str(text: &str) -> Result<Self, BadUnusedAfter> {
        match text.trim() {
            "off" => Ok(Self::OFF),
            text => span::parse(text).map(|span| Self(Some(span))).map_err(BadUnusedAfter),
        }
    }
}

impl fmt::Display for UnusedAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("off"),
            Some(span) => f.write_str(&span::written(span)),
        }
    }
}

impl Serialize for UnusedAfter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnusedAfter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl utoipa::PartialSchema for UnusedAfter {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("After how long a rule takes a package: `30d`, `12h`; `off`: it takes none"))
            .into()
    }
}

impl utoipa::ToSchema for UnusedAfter {
    fn name() -> std::borrow::Cow<'static, str> {
        "UnusedAfter".into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rule_is_read_and_written_as_people_write_it() {
        for text in ["off", "30d", "0s"] {
            let after: UnusedAfter = text.parse().unwrap();
            assert_eq!(after.to_string(), text);
            let json = serde_json::to_string(&after).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<UnusedAfter>(&json).unwrap(), after);
        }
        assert_eq!(" 24h ".parse::<UnusedAfter>().unwrap(), "1d".parse().unwrap());
        for bad in ["", "never", "30", "-1d", "1 month"] {
            let refused = bad.parse::<UnusedAfter>().unwrap_err().to_string();
            assert!(refused.contains("14d") && refused.ends_with("or off"), "{refused}");
        }
    }

    #[test]
    fn a_rule_is_over_at_the_moment_and_not_before() {
        let since: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let after: UnusedAfter = "30d".parse().unwrap();
        assert!(!after.is_over(since, "2026-11-30T23:59:59.999999Z".parse().unwrap()));
        assert!(after.is_over(since, "2026-12-01T00:00:00Z".parse().unwrap()));
        assert!(!after.is_over(Timestamp::MAX, since), "what begins in the future is not old");
        assert!(!UnusedAfter::OFF.is_over(since, Timestamp::MAX));
    }
}
