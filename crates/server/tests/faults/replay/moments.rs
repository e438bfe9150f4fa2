//! At which moments the power is cut.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use patchwharf_testkit::disk::{Gauge, Recording};

use crate::ledger::Moment;

/// How often the logs are looked at.
const EVERY: Duration = Duration::from_micros(200);

/// Writes down how far two logs had come at the same moment: neither of them tells of the other.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<Vec<Moment>>,
}

impl Watch {
    pub(super) fn start(gauges: Vec<Gauge>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let watcher = std::thread::spawn(move || {
            let now = || gauges.iter().map(Gauge::now).collect::<Moment>();
            let mut moments = vec![now()];
            while !seen.load(Ordering::Relaxed) {
                let moment = now();
                // Of one moment only when nothing came in between.
                if moments.last() != Some(&moment) && now() == moment {
                    moments.push(moment);
                }
                std::thread::sleep(EVERY);
            }
            moments
        });
        Self { stop, watcher }
    }

    pub(super) fn end(self) -> Vec<Moment> {
        self.stop.store(true, Ordering::Relaxed);
        self.watcher.join().expect("the watcher only looks")
    }
}

/// The last moment of each durable state: by then the most had been acknowledged. Of one disk, its log tells of each flush;
/// of two, what was watched.
pub(super) fn of(disks: &[Recording], watched: &[Moment]) -> Vec<Moment> {
    let flushes: Vec<Vec<u64>> = disks.iter().map(Recording::flushes).collect();
    if let [flushes] = &flushes[..] {
        return flushes.iter().filter(|position| **position > watched[0][0]).map(|position| vec![*position]).collect();
    }
    let state = |moment: &Moment| -> Vec<usize> {
        moment.iter().zip(&flushes).map(|(now, flushes)| flushes.partition_point(|position| position < now)).collect()
    };
    let mut moments: Vec<Moment> = Vec::new();
    for moment in watched {
        moments.pop_if(|last| state(last) == state(moment));
        moments.push(moment.clone());
    }
    moments
}
