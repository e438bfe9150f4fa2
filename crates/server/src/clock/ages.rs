//! The time by which things may be called old.
//!
//! A clock that jumps ten years ahead makes everything old at once. So what is deleted for its age asks here, and after
//! a jump gets no answer until the clock has run straight for a day: time for a person to read the warning.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::SignedDuration;
use patchwharf_model::Timestamp;

use super::{
    Clock,
    steady::{Noted, Seen, Steady},
};

/// In the data folder: when a server last ran there, and whether that was in doubt.
const FILE: &str = "clock.seen";

/// Tells what may be deleted for its age. Clones share one history.
#[derive(Clone, Debug)]
pub struct Ages {
    clock: Clock,
    file: Utf8PathBuf,
    steady: Arc<Mutex<Steady>>,
    set_back: Arc<AtomicBool>,
}

impl Ages {
    /// Begins to watch the clock. `new`: no server ever ran on this data folder, so there is nothing to compare with.
    #[must_use]
    pub fn watch(clock: Clock, data: &Utf8Path, new: bool) -> Self {
        let (file, wall, mono) = (data.join(FILE), clock.now(), Instant::now());
        let last = std::fs::read_to_string(&file).ok().and_then(|text| read(&text));
        let (steady, seen) = match last {
            None if !new => {
                tracing::info!("{file} does not say when a server last ran: nothing is deleted for its age for a day");
                (Steady::doubting(wall, mono), Seen::Straight)
            }
            last => Steady::new(wall, mono, last),
        };
        let ages = Self { clock, file, steady: Arc::new(Mutex::new(steady)), set_back: Arc::default() };
        ages.tell(seen);
        let noted = ages.steady().note(wall, mono);
        ages.note(noted);
        ages
    }

    /// The time by which things may be called old; none: the clock is not relied on, call nothing old.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.look();
        let doubted = !self.clock.is_fixed() && self.steady().is_doubted();
        (!doubted).then(|| self.clock.now())
    }

    /// Whether the clock was set back since this was asked last: then what waits for a time may wait far too long.
    pub(crate) fn was_set_back(&self) -> bool {
        self.look();
        self.set_back.swap(false, Ordering::Relaxed)
    }

    /// Compares the clock with the monotonic one.
    fn look(&self) {
        if self.clock.is_fixed() {
            return;
        }
        let (wall, mono) = (self.clock.now(), Instant::now());
        let (seen, noted) = {
            let mut steady = self.steady();
            (steady.look(wall, mono), steady.note(wall, mono))
        };
        self.tell(seen);
        self.note(noted);
    }

    fn tell(&self, seen: Seen) {
        match seen {
            Seen::Straight => {}
            Seen::Jumped(by) => {
                self.set_back.fetch_or(by < SignedDuration::ZERO, Ordering::Relaxed);
                tracing::warn!(
                    seconds = by.as_secs(),
                    "the clock of this machine was set by {by:#}: nothing is deleted for its age until it has run \
                     straight for a day; if it is wrong now, set it right"
                );
            }
            Seen::Believed => tracing::info!("the clock has run straight for a day: what is too old is deleted again"),
        }
    }

    /// Not made durable: what is lost makes the next start careful, no more.
    fn note(&self, noted: Noted) {
        let aside = self.file.with_extension("new");
        let written: io::Result<()> =
            std::fs::write(&aside, text(noted)).and_then(|()| std::fs::rename(&aside, &self.file));
        if let Err(error) = written {
            tracing::debug!(%error, "cannot note the time in {}", self.file);
        }
    }

    fn steady(&self) -> MutexGuard<'_, Steady> {
        self.steady.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `2026-11-22T12:00:00Z`, in doubt followed by how many seconds the clock has run straight.
fn text(noted: Noted) -> String {
    let straight = noted.straight.map_or_else(String::new, |lived| format!(" doubted {}", lived.as_secs()));
    format!("{}{straight}\n", noted.wall)
}

fn read(text: &str) -> Option<Noted> {
    let text = text.trim();
    let (wall, straight) = match text.split_once(" doubted ") {
        None => (text, None),
        Some((wall, lived)) => (wall, Some(Duration::from_secs(lived.parse().ok()?))),
    };
    Some(Noted { wall: wall.parse().ok()?, straight })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_start_in_another_year_calls_nothing_old_and_a_new_folder_has_no_doubts() {
        let home = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(home.path()).unwrap();
        assert!(Ages::watch(Clock::system(), data, true).now().is_some(), "there is nothing to compare with");
        assert!(Ages::watch(Clock::system(), data, false).now().is_some(), "the last start was a moment ago");
        for far in ["2016-11-22T12:00:00Z", "2126-11-22T12:00:00Z", "no time at all"] {
            std::fs::write(data.join(FILE), far).unwrap();
            assert_eq!(Ages::watch(Clock::system(), data, false).now(), None, "{far}");
            assert_eq!(Ages::watch(Clock::system(), data, false).now(), None, "{far}: the second start knows no more");
        }
        std::fs::write(data.join(FILE), format!("{} doubted 86400", Clock::system().now())).unwrap();
        assert!(Ages::watch(Clock::system(), data, false).now().is_some(), "a day, in all");
    }
}
