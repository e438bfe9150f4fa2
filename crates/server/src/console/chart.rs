//! Lines over time as SVG: only numbers of ours go into it, so nothing needs escaping.

use std::fmt::Write as _;

use patchwharf_model::Timestamp;

/// Width and height of the drawing; the page stretches it.
pub(super) const WIDTH: f64 = 600.0;
pub(super) const HEIGHT: f64 = 120.0;
/// More points than this nobody sees.
const MOST_POINTS: usize = 200;

/// A line over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chart {
    /// The line.
    pub(super) line: String,
    /// The area below it.
    pub(super) area: String,
    /// How it goes on if nothing changes; empty: that is not known.
    pub(super) forecast: String,
}

/// Draws values over the time from `start` to `end`, up to `highest`. `ahead`: at which time they will be 0.
pub(super) fn draw(
    points: &[(Timestamp, u64)],
    (start, end): (Timestamp, Timestamp),
    highest: u64,
    ahead: Option<Timestamp>,
) -> Option<Chart> {
    let (first, last) = (points.first()?, points.last()?);
    let x = |at: Timestamp| {
        let whole = end.duration_since(start).as_secs_f64().max(1.0);
        (at.duration_since(start).as_secs_f64() / whole).clamp(0.0, 1.0) * WIDTH
    };
    #[allow(clippy::cast_precision_loss, reason = "a picture")]
    let y = |value: u64| HEIGHT - (value as f64 / highest.max(1) as f64).clamp(0.0, 1.0) * (HEIGHT - 4.0);
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let shown = points.iter().step_by(step).chain((points.len() % step != 1 && step > 1).then_some(last));
    let mut line = String::new();
    for (number, (at, value)) in shown.enumerate() {
        let _ = write!(line, "{}{:.1} {:.1}", if number == 0 { 'M' } else { 'L' }, x(*at), y(*value));
    }
    let area = format!("{line}L{:.1} {HEIGHT}L{:.1} {HEIGHT}Z", x(last.0), x(first.0));
    let forecast = ahead.map_or_else(String::new, |at| {
        let left = at.duration_since(last.0).as_secs_f64().max(1.0);
        let visible = (end.duration_since(last.0).as_secs_f64() / left).clamp(0.0, 1.0);
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a picture"
        )]
        let then = (last.1 as f64 * (1.0 - visible)) as u64;
        format!("M{:.1} {:.1}L{:.1} {:.1}", x(last.0), y(last.1), x(at.min(end)), y(then))
    });
    Some(Chart { line, area, forecast })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3600).unwrap()
    }

    #[test]
    fn values_become_a_line_an_area_and_what_comes() {
        let points = [(at(0), 100), (at(5), 50)];
        let chart = draw(&points, (at(0), at(10)), 100, Some(at(10))).unwrap();
        assert_eq!(chart.line, "M0.0 4.0L300.0 62.0");
        assert_eq!(chart.area, "M0.0 4.0L300.0 62.0L300.0 120L0.0 120Z");
        assert_eq!(chart.forecast, "M300.0 62.0L600.0 120.0");
        let slow = draw(&points, (at(0), at(10)), 100, Some(at(15))).unwrap();
        assert_eq!(slow.forecast, "M300.0 62.0L600.0 91.0", "only what the picture has room for");
        assert_eq!(draw(&[], (at(0), at(1)), 1, None), None);
    }

    #[test]
    fn many_points_are_thinned_and_the_last_one_stays() {
        let points: Vec<_> = (0..720).map(|hour| (at(hour), hour.unsigned_abs())).collect();
        let chart = draw(&points, (at(0), at(719)), 719, None).unwrap();
        assert!(chart.line.matches('L').count() <= MOST_POINTS + 1);
        assert!(chart.line.ends_with("L600.0 4.0"), "{}", chart.line);
        assert_eq!(chart.forecast, "");
    }
}
