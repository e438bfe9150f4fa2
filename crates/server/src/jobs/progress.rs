//! Progress of a running job: kept in memory, turned into numbered snapshots by the engine.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use patchwharf_model::job::{FileProgress, Progress, Unit};

/// Rates are averages over this span.
const WINDOW: Duration = Duration::from_secs(5);

/// Where an operation says how far it is. Clones share one state; calls are cheap and never wait for the database.
#[derive(Clone, Debug, Default)]
pub struct ProgressHandle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    progress: Progress,
    files: BTreeMap<u64, FileProgress>,
    next_file: u64,
    bytes: u64,
    samples: VecDeque<(Instant, u64)>,
    changes: u64,
}

impl ProgressHandle {
    /// A handle that starts where an earlier attempt stopped.
    #[must_use]
    pub fn starting_at(progress: Progress) -> Self {
        let handle = Self::default();
        handle.state().progress = Progress { bytes_per_second: 0, eta_seconds: None, files: Vec::new(), ..progress };
        handle
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.changes += 1;
    }

    /// What the job does now, in a few words.
    pub fn phase(&self, phase: impl Into<String>) {
        self.change(|s| s.progress.phase = phase.into());
    }

    /// Starts counting anew: `total` in `unit` (0: not known).
    pub fn start(&self, unit: Unit, total: u64) {
        self.change(|s| {
            s.progress.unit = unit;
            s.progress.done = 0;
            s.progress.total = total;
            s.samples.clear();
        });
    }

    /// Corrects the total.
    pub fn total(&self, total: u64) {
        self.change(|s| s.progress.total = total);
    }

    /// How many things (packages, entries) there are in all; none of them is finished yet.
    pub fn items_total(&self, total: u64) {
        self.change(|s| (s.progress.items_total, s.progress.items_done) = (total, 0));
    }

    /// So many more things are finished.
    pub fn items_done(&self, more: u64) {
        self.change(|s| s.progress.items_done += more);
    }

    /// So much more of `total` is done (in `unit`).
    pub fn advance(&self, more: u64) {
        self.change(|s| s.progress.done += more);
    }

    /// Bytes moved or hashed, for the rate; counts towards `done` too when that is in bytes.
    pub fn bytes(&self, more: u64) {
        self.change(|s| s.moved(more));
    }

    /// So many more of something have come of the job: counts go on where an earlier attempt stopped.
    pub fn count(&self, name: &str, more: u64) {
        if more > 0 {
            self.change(|s| *s.progress.counts.entry(name.to_owned()).or_default() += more);
        }
    }

    /// How many of something have come of the job, in all its attempts.
    #[must_use]
    pub fn counted(&self, name: &str) -> u64 {
        self.state().progress.counts.get(name).copied().unwrap_or(0)
    }

    /// Shows one file on its way until the handle is dropped. `total_bytes` is 0 when not known.
    #[must_use]
    pub fn file(&self, name: impl Into<String>, total_bytes: u64) -> FileHandle {
        let mut id = 0;
        self.change(|s| {
            id = s.next_file;
            s.next_file += 1;
            s.files.insert(id, FileProgress { name: name.into(), done_bytes: 0, total_bytes });
        });
        FileHandle { progress: self.clone(), id }
    }

    /// What to show now, and a number that rises with every change.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> (u64, Progress) {
        let mut state = self.state();
        let state = &mut *state;
        let count = if state.progress.unit == Unit::Bytes { state.progress.done.max(state.bytes) } else { state.bytes };
        state.samples.push_back((now, count));
        while state.samples.len() > 2 && state.samples.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            state.samples.pop_front();
        }
        let rate = state.samples.front().map_or(0.0, |(at, bytes)| {
            let seconds = (now - *at).as_secs_f64();
            if seconds < 0.05 { 0.0 } else { count.saturating_sub(*bytes) as f64 / seconds }
        });
        let mut shown = state.progress.clone();
        shown.bytes_per_second = rate as u64;
        let left = shown.total.saturating_sub(shown.done);
        shown.eta_seconds =
            (shown.unit == Unit::Bytes && shown.total > 0 && rate >= 1.0).then(|| (left as f64 / rate).ceil() as u64);
        shown.files = state.files.values().cloned().collect();
        (state.changes, shown)
    }
}

impl State {
    fn moved(&mut self, more: u64) {
        self.bytes += more;
        if self.progress.unit == Unit::Bytes {
            self.progress.done += more;
        }
    }
}

/// One file on its way; gone from the display when dropped.
#[derive(Debug)]
pub struct FileHandle {
    progress: ProgressHandle,
    id: u64,
}

impl FileHandle {
    /// So many more bytes of the file have come (counts for the job too).
    pub fn bytes(&self, more: u64) {
        self.progress.change(|s| {
            if let Some(file) = s.files.get_mut(&self.id) {
                file.done_bytes += more;
            }
            s.moved(more);
        });
    }

    /// So many bytes of the file were there already from an earlier attempt: they count as done, not as rate.
    pub fn resumed_at(&self, bytes: u64) {
        self.progress.change(|s| {
            let before = s.files.get_mut(&self.id).map_or(0, |f| std::mem::replace(&mut f.done_bytes, bytes));
            if s.progress.unit == Unit::Bytes {
                s.progress.done = (s.progress.done + bytes).saturating_sub(before);
            }
        });
    }

    /// The length has become known.
    pub fn total(&self, bytes: u64) {
        self.progress.change(|s| {
            if let Some(file) = s.files.get_mut(&self.id) {
                file.total_bytes = bytes;
            }
        });
    }
}

impl Drop for FileHandle {
    fn drop(&mut self) {
        self.progress.change(|s| {
            s.files.remove(&self.id);
        });
    }
}
