//! Hours of the day in which something may happen: `22:00-05:00`.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, ToSpan as _, Zoned, civil::Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Hours of every day by the local clock, from (included) to (not included); they may span midnight.
///
/// Where the clock is put forward over their beginning, they begin at the first moment that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyHours {
    from: Time,
    to: Time,
}

/// A text that names no hours of the day.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} names no hours of the day: write them as 22:00-05:00, from and to, two different times")]
pub struct BadHours(String);

impl DailyHours {
    /// Whether they contain this moment.
    #[must_use]
    pub fn contains(&self, now: &Zoned) -> bool {
        let time = now.time();
        match self.from <= self.to {
            true => self.from <= time && time < self.to,
            false => self.from <= time || time < self.to,
        }
    }

    /// When they begin next, strictly after `now`.
    #[must_use]
    pub fn next_start(&self, now: &Zoned) -> Timestamp {
        let zone = now.time_zone();
        let day = now.date();
        let starts = [Some(day), day.checked_add(1.day()).ok(), day.checked_add(2.days()).ok()];
        let starts = starts.into_iter().flatten().filter_map(|day| zone.to_timestamp(day.to_datetime(self.from)).ok());
        starts.into_iter().find(|start| *start > now.timestamp()).unwrap_or(Timestamp::MAX)
    }
}

impl FromStr for DailyHours {
    type Err = BadHours;

    fn from_str(text: &str) -> Result<Self, BadHours> {
        let bad = || BadHours(text.chars().take(100).collect());
        let (from, to) = text.split_once('-').ok_or_else(bad)?;
        match (time(from), time(to)) {
            (Some(from), Some(to)) if from != to => Ok(Self { from, to }),
            _ => Err(bad()),
        }
    }
}

/// `7:05` or `07:05`.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |part: &str, longest| (1..=longest).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour, 2) || !digits(minute, 2) || minute.len() != 2 {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

impl fmt::Display for DailyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

impl Serialize for DailyHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DailyHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl utoipa::PartialSchema for DailyHours {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("Hours of every day by the server's local clock: `22:00-05:00`"))
            .into()
    }
}

impl utoipa::ToSchema for DailyHours {
    fn name() -> std::borrow::Cow<'static, str> {
        "DailyHours".into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    fn hours(text: &str) -> DailyHours {
        text.parse().unwrap()
    }

    #[test]
    fn hours_may_span_midnight() {
        let night = hours("22:00-05:00");
        for (time, inside) in [("21:59", false), ("22:00", true), ("00:00", true), ("04:59", true), ("05:00", false)] {
            assert_eq!(night.contains(&at(&format!("2026-11-22T{time}[UTC]"))), inside, "{time}");
        }
        let day = hours("8:30-17:00");
        assert!(day.contains(&at("2026-11-22T08:30[UTC]")) && !day.contains(&at("2026-11-22T17:00[UTC]")));
        assert_eq!(day.to_string(), "08:30-17:00");
    }

    #[test]
    fn the_next_start_is_today_or_tomorrow() {
        let night = hours("22:00-05:00");
        let next = |now: &str| night.next_start(&at(now)).to_string();
        assert_eq!(next("2026-11-22T12:00[UTC]"), "2026-11-22T22:00:00Z");
        assert_eq!(next("2026-11-22T22:00[UTC]"), "2026-11-23T22:00:00Z");
        assert_eq!(next("2026-11-22T23:00[Europe/Berlin]"), "2026-11-23T21:00:00Z");
    }

    #[test]
    fn x_05_hours_follow_the_clock_over_daylight_saving() {
        let early = hours("02:30-04:00");
        // Berlin puts the clock forward from 02:00 to 03:00 on 2026-03-29: 02:30 does not exist.
        let start = early.next_start(&at("2026-03-29T00:30[Europe/Berlin]"));
        assert_eq!(start.to_string(), "2026-03-29T01:30:00Z");
        assert!(early.contains(&start.to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap())));
        // And back from 03:00 to 02:00 on 2026-10-25: the hour is there twice, the hours begin with the first.
        let start = early.next_start(&at("2026-10-25T00:30[Europe/Berlin]"));
        assert_eq!(start.to_string(), "2026-10-25T00:30:00Z");
        assert!(early.contains(&at("2026-10-25T02:45+02:00[Europe/Berlin]")));
        assert!(early.contains(&at("2026-10-25T02:45+01:00[Europe/Berlin]")));
    }

    #[test]
    fn what_names_no_hours_is_refused() {
        for bad in
            ["", "22:00", "22-05", "22:00-22:00", "24:00-05:00", "22:60-05:00", "22:0-05:00", "-1:00-05:00", "a:b-c:d"]
        {
            assert!(bad.parse::<DailyHours>().is_err(), "{bad}");
        }
    }
}
