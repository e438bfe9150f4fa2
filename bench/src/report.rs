//! The table of figures.

use std::{fmt::Write as _, io::Write as _, time::Duration};

/// Rows in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<String>,
    missed: Vec<String>,
}

impl Report {
    /// Two commands run in turn: medians, spread and the ratio of each pair.
    pub(crate) fn pair(&mut self, what: &str, target: &str, ours: &[Duration], peer: &str, theirs: &[Duration]) {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect();
        self.rows.push(format!(
            "| {what} | {} | {peer}: {} | {:.2} ({:.2} to {:.2}) | {target} |",
            seconds(ours),
            seconds(theirs),
            median(&ratios),
            least(&ratios),
            most(&ratios)
        ));
    }

    /// One figure beside its target.
    pub(crate) fn single(&mut self, what: &str, figure: &str, target: &str) {
        self.rows.push(format!("| {what} | {figure} | | | {target} |"));
    }

    /// One figure beside its target, and whether it misses it: then the whole run fails.
    pub(crate) fn judged(&mut self, what: &str, figure: &str, target: &str, is_missed: bool) {
        self.single(what, figure, target);
        if is_missed {
            self.missed.push(format!("{what}: {figure} instead of {target}"));
        }
    }

    /// What misses its target.
    pub(crate) fn missed(&self) -> &[String] {
        &self.missed
    }

    /// One command's durations beside a target.
    pub(crate) fn alone(&mut self, what: &str, ours: &[Duration], target: &str) {
        self.single(what, &seconds(ours), target);
    }

    /// Something that was not measured, and why.
    pub(crate) fn skipped(&mut self, what: &str, why: &str) {
        self.single(what, &format!("not measured: {why}"), "");
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| what | Patchwharf, median (least to most) | peer in the same call | ratio by pair | target |\n| --- | --- | --- | --- | --- |\n",
        );
        for row in &self.rows {
            let _ = writeln!(text, "{row}");
        }
        text
    }
}

/// To standard output; a closed pipe is no fault.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: &[f64]) -> f64 {
    let values = sorted(values);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn least(values: &[f64]) -> f64 {
    sorted(values).first().copied().unwrap_or(f64::NAN)
}

fn most(values: &[f64]) -> f64 {
    sorted(values).last().copied().unwrap_or(f64::NAN)
}

fn seconds(durations: &[Duration]) -> String {
    let values: Vec<f64> = durations.iter().map(Duration::as_secs_f64).collect();
    // What a person does not feel is told finer.
    let (unit, scale, digits) = if median(&values) < 0.1 { ("ms", 1_000.0, 1) } else { ("s", 1.0, 2) };
    let [median, least, most] = [median(&values), least(&values), most(&values)].map(|value| value * scale);
    format!("{median:.digits$} {unit} ({least:.digits$} to {most:.digits$})")
}
