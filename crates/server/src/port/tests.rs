#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bytes;
mod places;
mod rig;
mod time;
