//! Downloads against a vendor that lies: rows S-01 to S-15, S-18, S-25 and S-27 of the acceptance list, in process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod authorities;
mod content;
mod documents;
mod hosts;
mod limits;
mod proxy;
mod reach;
mod redirects;
mod resume;
mod rig;
mod sharing;
mod space;
mod speed;
mod tls;
