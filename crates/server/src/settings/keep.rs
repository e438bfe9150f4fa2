//! How long things are kept: what the configuration file says counts until something else is set.

use std::time::Duration;

use patchwharf_db::settings;
use patchwharf_model::span;

use crate::{app::App, operations::integrity::settings::OFF};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Something that is kept for a time.
#[derive(Debug)]
pub(crate) struct Keep {
    pub(crate) name: &'static str,
    /// What the configuration file says; zero is for ever.
    of_file: fn(&App) -> Duration,
    /// It cannot be set shorter: nobody is to cut away in the console what they have done there a moment ago.
    shortest: Duration,
    ever: Ever,
}

/// Whether it can be kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ever {
    Allowed,
    Never,
}

/// Ended jobs and their reports.
pub(crate) const JOBS: Keep =
    Keep { name: "retention.jobs", of_file: |app| app.config.retention.jobs, shortest: DAY, ever: Ever::Allowed };
/// The audit trail.
pub(crate) const AUDIT: Keep = Keep {
    name: "retention.audit",
    of_file: |app| app.config.retention.audit,
    shortest: Duration::from_secs(30 * 24 * 3600),
    ever: Ever::Allowed,
};
/// Records of the log.
pub(crate) const LOG: Keep =
    Keep { name: "log.keep", of_file: |app| app.config.log.keep, shortest: DAY, ever: Ever::Never };
/// Files of versions that were replaced.
pub(crate) const GRACE: Keep =
    Keep { name: "packages.grace", of_file: |app| app.config.packages.grace, shortest: HOUR, ever: Ever::Never };
/// What was found bad, or belongs to no one.
pub(crate) const QUARANTINE: Keep = Keep {
    name: "packages.keep-quarantine",
    of_file: |app| app.config.packages.keep_quarantine,
    shortest: DAY,
    ever: Ever::Allowed,
};

const ALL: [&Keep; 5] = [&JOBS, &AUDIT, &LOG, &GRACE, &QUARANTINE];

impl Keep {
    /// What counts now; zero is for ever. What cannot be understood counts as not set.
    pub(crate) async fn now(&self, app: &App) -> patchwharf_db::Result<Duration> {
        let set = settings::get(&app.db, self.name).await?;
        Ok(set.and_then(|text| self.read(&text).ok()).unwrap_or_else(|| (self.of_file)(app)))
    }

    /// The configuration file's, as people write it.
    pub(super) fn default(&self, app: &App) -> String {
        let span = (self.of_file)(app);
        if span.is_zero() && self.ever == Ever::Allowed { OFF.to_owned() } else { span::written(span) }
    }

    fn read(&self, text: &str) -> Result<Duration, String> {
        if text == OFF && self.ever == Ever::Allowed {
            return Ok(Duration::ZERO);
        }
        let or = if self.ever == Ever::Allowed { ", or off: for ever" } else { "" };
        match span::parse(text) {
            Err(error) => Err(format!("{error}{or}")),
            Ok(span) if span < self.shortest => {
                Err(format!("{text:?} is too short: write {} or more{or}", span::written(self.shortest)))
            }
            Ok(span) => Ok(span),
        }
    }
}

/// Refuses what the thing of this name cannot be kept for.
pub(super) fn fits(name: &str, text: &str) -> Result<(), String> {
    ALL.into_iter().find(|keep| keep.name == name).map_or(Ok(()), |keep| keep.read(text).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_a_moment_ago_is_not_cut_away() {
        assert_eq!(AUDIT.read("30d"), Ok(DAY * 30));
        assert_eq!(AUDIT.read("off"), Ok(Duration::ZERO));
        for (keep, bad) in
            [(&AUDIT, "29d"), (&AUDIT, "0s"), (&JOBS, "1h"), (&LOG, "off"), (&GRACE, "1m"), (&JOBS, "soon")]
        {
            assert!(fits(keep.name, bad).is_err(), "{} {bad}", keep.name);
        }
    }
}
