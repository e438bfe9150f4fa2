//! What an administrator sets about integrity checks by the clock. Kept in the database, read at each tick.

use std::time::Duration;

use patchwharf_db::settings;
use patchwharf_model::{ByteSize, DailyHours, span};

use crate::app::App;

/// How often files are compared by length and time stamps.
pub(crate) const LIGHT_EVERY: &str = "integrity.light-every";
/// How often every byte is proved.
pub(crate) const FULL_EVERY: &str = "integrity.full-every";
/// Bytes per second that checks by the clock read at most.
pub(crate) const MAX_RATE: &str = "integrity.max-rate";
/// The hours of the day in which full checks by the clock run.
pub(crate) const ONLY_BETWEEN: &str = "integrity.only-between";

/// Light checks run this often unless it is set otherwise.
pub(crate) const EVERY_HOUR: Duration = Duration::from_secs(3600);
/// A setting that is switched off.
pub(crate) const OFF: &str = "off";

/// Checks by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByTheClock {
    /// Zero: never.
    pub(crate) light_every: Duration,
    /// Zero: never.
    pub(crate) full_every: Duration,
    /// None: no limit.
    pub(crate) max_bytes_per_second: Option<u64>,
    /// None: at any hour.
    pub(crate) only_between: Option<DailyHours>,
}

impl ByTheClock {
    /// What is set. Without `integrity.full-every`, `packages.verify-every` of the configuration file counts.
    pub(crate) async fn read(app: &App) -> patchwharf_db::Result<Self> {
        Ok(Self {
            light_every: read(app, LIGHT_EVERY, every).await?.unwrap_or(EVERY_HOUR),
            full_every: read(app, FULL_EVERY, every).await?.unwrap_or(app.config.packages.verify_every),
            max_bytes_per_second: read(app, MAX_RATE, rate).await?.flatten(),
            only_between: read(app, ONLY_BETWEEN, hours).await?.flatten(),
        })
    }
}

/// How often something is done that is done on demand only unless it is set otherwise; zero: on demand only.
pub(crate) async fn how_often(app: &App, name: &str) -> patchwharf_db::Result<Duration> {
    Ok(read(app, name, every).await?.unwrap_or_default())
}

/// A value as it is set; one that cannot be understood counts as not set, and the log says so.
async fn read<T>(app: &App, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> patchwharf_db::Result<Option<T>> {
    let Some(text) = settings::get(&app.db, name).await? else { return Ok(None) };
    match parse(&text) {
        Ok(value) => Ok(Some(value)),
        Err(why) => {
            tracing::warn!(setting = name, "the setting is not understood and counts as not set: {why}");
            Ok(None)
        }
    }
}

/// A span of time, `1h`, `7d`; `off` is never.
pub(crate) fn every(text: &str) -> Result<Duration, String> {
    if text == OFF {
        return Ok(Duration::ZERO);
    }
    match span::parse(text) {
        Err(error) => Err(format!("{error}, or off")),
        Ok(span) if span < Duration::from_secs(60) => {
            Err(format!("{text:?} is less than a minute: write 1m or more, or off"))
        }
        Ok(span) => Ok(span),
    }
}

/// A span of time as [`every`] reads it.
pub(crate) fn every_text(span: Duration) -> String {
    if span.is_zero() { OFF.to_owned() } else { span::written(span) }
}

/// Bytes per second, `50MiB`; `off` is no limit.
pub(crate) fn rate(text: &str) -> Result<Option<u64>, String> {
    match text {
        OFF => Ok(None),
        text => match text.parse::<ByteSize>() {
            Ok(ByteSize(0)) => Err("0 bytes per second would never end: write a rate, or off".to_owned()),
            Ok(ByteSize(bytes)) => Ok(Some(bytes)),
            Err(error) => Err(error.to_string()),
        },
    }
}

/// Hours of the day, `22:00-05:00`; `off` is at any hour.
pub(crate) fn hours(text: &str) -> Result<Option<DailyHours>, String> {
    match text {
        OFF => Ok(None),
        text => text.parse().map(Some).map_err(|error: patchwharf_model::hours::BadHours| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_people_write_them() {
        assert_eq!(every("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(every("7d"), Ok(Duration::from_secs(7 * 24 * 3600)));
        assert_eq!(every("off"), Ok(Duration::ZERO));
        assert_eq!(rate("50MiB"), Ok(Some(50 << 20)));
        assert_eq!(rate("off"), Ok(None));
        assert!(hours("22:00-05:00").is_ok_and(|hours| hours.is_some()));
        for bad in ["", "soon", "1s", "-1h", "d"] {
            assert!(every(bad).is_err(), "{bad}");
        }
        assert!(rate("0").is_err() && rate("fast").is_err() && hours("night").is_err());
    }
}
