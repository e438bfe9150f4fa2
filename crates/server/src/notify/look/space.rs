//! Low space, with a forecast from the days before.

use std::sync::Arc;

use camino::Utf8PathBuf;
use jiff::SignedDuration;
use patchwharf_db::notifications::{self as table, SpaceSample};
use patchwharf_model::Timestamp;

use super::{
    super::{
        ask::{Answer, WITHIN},
        message::Line,
    },
    Trouble, own,
};
use crate::{
    app::App,
    history::{self, Forecast},
    operations::OperationError,
    words::count,
};

/// How often the free space is noted.
const NOTE_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// What a forecast looks back at.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) async fn look(app: &Arc<App>) -> Result<Trouble, OperationError> {
    let limit = app.config.notify.low_space_bytes;
    let now = app.clock.now();
    let mut low = Vec::new();
    let mut same = Vec::new();
    let mut silent = false;
    for (place, path) in places(app) {
        let free = match app.notify.asked.free(&path).await {
            Answer::Free(free) => free,
            Answer::Nothing => continue,
            Answer::Silence => {
                let reason = format!(
                    "nobody answers how much is free there (asked for {} s): a disk or a network mount hangs",
                    WITHIN.as_secs()
                );
                silent = true;
                same.push(format!("{place} is silent"));
                low.push(Line { item: path.into_string(), reason });
                continue;
            }
        };
        let since = now.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
        let mut samples = table::samples(&app.db, &place, since).await?;
        samples.retain(|sample| sample.at <= now);
        if samples.last().is_none_or(|last| now.duration_since(last.at) >= NOTE_EVERY) {
            let mut write = app.db.write("system", "notification", now).await?;
            table::put_sample(&mut write, &place, free).await?;
            write.commit().await?;
        }
        if free < limit {
            let reason = format!(
                "{free} bytes are free, less than {limit} (`notify.low-space-bytes`); {}",
                forecast(&samples, SpaceSample { at: now, free_bytes: free })
            );
            same.push(place);
            low.push(Line { item: path.into_string(), reason });
        }
    }
    let many = low.len() as u64;
    Ok(Trouble {
        kind: own(app, "space"),
        count: many,
        headline: format!(
            "{} with little free space{}",
            count(many, "folder"),
            if silent { ", or on a disk that does not answer" } else { "" }
        ),
        well: "there is enough free space again",
        lines: low,
        advice: "Staging stops before the disk is full; what is staged is served. Make room, or relocate packages."
            .into(),
        same: same.join(" "),
        is_event: false,
        seen: String::new(),
    })
}

/// The folders that fill up.
fn places(app: &App) -> Vec<(String, Utf8PathBuf)> {
    let locations = app.locations.iter().map(|l| (format!("location {}", l.id()), l.path().to_owned()));
    locations.chain([(format!("data {}", app.instance), app.config.data.clone())]).collect()
}

/// When it will be full at the pace of the days before.
fn forecast(samples: &[SpaceSample], now: SpaceSample) -> String {
    match history::forecast(samples, now) {
        Forecast::Unknown => "it is not known yet how fast it fills".to_owned(),
        Forecast::Never => "it has not become less lately".to_owned(),
        Forecast::Full { seconds, hours } => {
            let left = match seconds / 3600 {
                left if left >= 48 => format!("{} days", left / 24),
                left => format!("{left} hours"),
            };
            format!("at the pace of the last {hours} hours it is full in {left}")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sample(hours: i64, free_bytes: u64) -> SpaceSample {
        let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        SpaceSample { at: start + SignedDuration::from_hours(hours), free_bytes }
    }

    #[test]
    fn the_forecast_goes_on_as_the_days_before() {
        let days: Vec<_> = (0..7).map(|day| sample(24 * day, 1_000 - 100 * day.unsigned_abs())).collect();
        let text = forecast(&days, sample(24 * 7, 300));
        assert_eq!(text, "at the pace of the last 168 hours it is full in 3 days");
        assert!(forecast(&days[..1], sample(1, 300)).contains("not known yet"));
        assert!(forecast(&days, sample(24 * 7, 1_000)).contains("not become less"));
        assert!(forecast(&[sample(0, 1_000)], sample(10, 500)).ends_with("full in 10 hours"));
    }
}
