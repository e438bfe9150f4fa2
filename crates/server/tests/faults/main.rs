//! Crash and fault suites: the real server is killed, loses power, runs out of space and meets errors while it stages,
//! refreshes, moves, prunes and deletes; after each, the independent checker must find nothing.
//!
//! Each suite knows two counts: what `cargo xtask test` runs, and the full one of `cargo xtask soak`
//! (`PATCHWHARF_FAULT_SCALE`, see `patchwharf_testkit::scale`). `PATCHWHARF_FAULT_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used)]

/// Prints what a suite counted; the runner repeats these lines at the end.
macro_rules! figures {
    ($($text:tt)*) => { eprintln!("FIGURES: {}", format!($($text)*)) };
}

mod backup;
mod batches;
mod driver;
mod failed_sync;
mod integrity;
mod judge;
mod kill_loop;
mod ledger;
mod memory;
mod migration;
mod mutants;
mod parser;
mod plant;
mod power;
mod prune;
mod rebuild;
mod recovery;
mod refresh;
mod relocate;
mod replay;
#[path = "../import/rig.rs"]
#[allow(dead_code, reason = "shared with the tests of imports")]
mod rig;
mod space;
mod steps;
mod syscalls;
