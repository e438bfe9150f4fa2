//! A server that runs for years: set up, backed up, restored, stopped, reset, its clock set; the real program.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

/// Prints what a test measured; the runner repeats these lines at the end.
macro_rules! figures {
    ($($text:tt)*) => { eprintln!("FIGURES: {}", format!($($text)*)) };
}

mod backup;
mod clock;
mod init;
mod quickstart;
mod rebuild;
mod reset;
mod service;
mod stock;
mod stop;
