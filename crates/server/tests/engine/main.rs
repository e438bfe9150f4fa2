//! Start and stop of a server, and its job engine, in process: rows S-28, C-11, C-21, C-22, C-25, R-06 and W-19 as far
//! as they concern these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod busy;
mod degraded;
mod ends;
mod folder;
mod log;
mod orders;
mod rig;
mod secrets;
mod several;
mod stops;
