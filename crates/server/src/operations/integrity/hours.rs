//! The hours of the day in which a check may run.

use jiff::tz::TimeZone;
use patchwharf_model::DailyHours;

use crate::{clock::Clock, operations::Ending};

/// Outside its hours a check waits for them: not before they begin again.
pub(super) fn outside(clock: &Clock, hours: Option<DailyHours>) -> Option<Ending> {
    let hours = hours?;
    let now = clock.now().to_zoned(TimeZone::system());
    if hours.contains(&now) {
        return None;
    }
    let not_before = hours.next_start(&now);
    let local = not_before.to_zoned(now.time_zone().clone());
    let waiting_for = format!("its hours, {hours}; the next begin at {}", local.strftime("%Y-%m-%d %H:%M %Z"));
    Some(Ending::Later { not_before, waiting_for })
}
