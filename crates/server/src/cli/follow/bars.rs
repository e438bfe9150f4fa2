//! Progress as it goes on.

use std::{
    collections::HashMap,
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use patchwharf_model::{
    api::JobEvent,
    job::{JobState, Progress, Unit},
};

use crate::cli::output;

/// Files that get a bar of their own.
const FILE_BARS: usize = 8;

/// How often a line is written where there is no terminal.
const PACE: Duration = Duration::from_secs(2);

const KNOWN_LENGTH: &str = "{bar:32.cyan} {percent:>3}%  {msg}";
const UNKNOWN_LENGTH: &str = "{spinner} {msg}";

/// Bars on a terminal, lines elsewhere; always on standard error, so that standard output holds the result alone.
pub(super) enum Display {
    Bars(Bars),
    Lines { last: String, at: Option<Instant> },
}

pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    shape: &'static str,
    files: HashMap<String, ProgressBar>,
}

impl Display {
    pub(super) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: String::new(), at: None };
        }
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0));
        total.set_style(style(UNKNOWN_LENGTH));
        total.enable_steady_tick(Duration::from_millis(500));
        Self::Bars(Bars { all, total, shape: UNKNOWN_LENGTH, files: HashMap::new() })
    }

    pub(super) fn show(&mut self, event: &JobEvent) {
        let text = match event.waiting_for.as_str() {
            "" => sentence(event.state, &event.progress),
            reason => format!("the job waits: {}", output::harmless(reason)),
        };
        match self {
            Self::Bars(bars) => bars.show(&event.progress, text),
            Self::Lines { last, at } => {
                // That a job is queued or has begun says nothing that the command did not say.
                let says = !event.progress.phase.is_empty() || !event.waiting_for.is_empty();
                if says && text != *last && at.is_none_or(|at| at.elapsed() >= PACE) {
                    output::note(&text);
                    *last = text;
                    *at = Some(Instant::now());
                }
            }
        }
    }

    pub(super) fn end(&mut self) {
        if let Self::Bars(bars) = self {
            bars.total.finish_and_clear();
            for bar in bars.files.values() {
                bar.finish_and_clear();
            }
        }
    }
}

/// A file's progress; its name has what is left of 80 columns.
const FILE: &str =
    "  {bar:10} {binary_bytes:>10}/{binary_total_bytes:<10} {binary_bytes_per_sec:>12} {eta:>4} {wide_msg}";

impl Bars {
    fn show(&mut self, progress: &Progress, text: String) {
        let (done, total) = match (progress.total, progress.items_total) {
            (0, items) => (progress.items_done, items),
            (total, _) => (progress.done, total),
        };
        let shape = if total == 0 { UNKNOWN_LENGTH } else { KNOWN_LENGTH };
        if self.shape != shape {
            self.total.set_style(style(shape));
            self.shape = shape;
        }
        self.total.set_length(total.max(done));
        self.total.set_position(done);
        self.total.set_message(text);
        let shown = &progress.files[..progress.files.len().min(FILE_BARS)];
        self.files.retain(|name, bar| {
            let stays = shown.iter().any(|file| file.name == *name);
            if !stays {
                bar.finish_and_clear();
            }
            stays
        });
        for file in shown {
            let bar = self.files.entry(file.name.clone()).or_insert_with(|| {
                let bar = self.all.add(ProgressBar::new(file.total_bytes));
                bar.set_style(style(FILE));
                bar.set_message(output::harmless(&file.name).replace('\n', " "));
                bar
            });
            bar.set_position(file.done_bytes);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How far a job has come, in one line: phase, items, bytes, rate, time left.
pub(crate) fn sentence(state: JobState, progress: &Progress) -> String {
    let mut parts = vec![if progress.phase.is_empty() { state.to_string() } else { progress.phase.clone() }];
    if progress.items_total > 0 {
        parts.push(format!("{} of {}", progress.items_done, progress.items_total));
    }
    if progress.unit == Unit::Items && progress.items_total == 0 && progress.done > 0 {
        parts.push(progress.done.to_string());
    }
    if progress.unit == Unit::Bytes && progress.total > 0 {
        parts.push(format!("{} of {}", output::size(progress.done), output::size(progress.total)));
    }
    if progress.bytes_per_second > 0 {
        parts.push(format!("{}/s", output::size(progress.bytes_per_second)));
    }
    if let Some(seconds) = progress.eta_seconds {
        parts.push(format!("{seconds} s left"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_a_bar_can_be_drawn() {
        for shape in [KNOWN_LENGTH, UNKNOWN_LENGTH, FILE] {
            assert!(ProgressStyle::with_template(shape).is_ok(), "{shape}");
        }
    }
}
