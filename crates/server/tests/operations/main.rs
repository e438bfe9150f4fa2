//! The operations against a vendor that lies: a real server without its listener, a real database, a real disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, unreachable_pub, missing_docs)]

mod delete;
mod integrity;
mod policies;
mod reconcile;
mod refresh;
mod stage;
mod verify;
mod world;
