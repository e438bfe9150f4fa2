//! The store as its callers use it, on a real file system.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod bringing;
mod faults;
mod fixture;
mod foreign;
mod locations;
mod looking;
mod machine;
mod mending;
mod partials;
mod placing;
mod pruning;
mod removing;
mod walking;
