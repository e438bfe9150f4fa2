//! The operations against a vendor that lies: a real server without its listener, a real database, a real disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, unreachable_pub, missing_docs)]

mod adopt;
mod backup;
mod delete;
mod download;
mod hindered;
mod integrity;
mod locations;
mod machine;
mod notify;
mod policies;
mod prune;
mod reconcile;
mod refresh;
mod relocate;
mod retention;
mod stage;
mod trail;
mod undo;
mod unused;
mod verify;
mod world;
