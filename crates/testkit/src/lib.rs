//! What the suites of other crates stand on: a vendor that lies, catalogues and repositories made on the spot, and the
//! real server as a child process in a temporary folder.
//!
//! Nothing here is part of a release. It knows the vocabulary of `patchwharf-model` and the outside of the server
//! (HTTP, command line, files), never its inside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test harness stops at the first thing that is not as it must be"
)]

pub mod apt;
pub mod cab;
pub mod chance;
pub mod clock;
pub mod database;
pub mod disk;
pub mod eventually;
pub mod fsck;
mod listener;
pub mod mail;
pub mod memory;
pub mod payload;
pub mod receiver;
pub mod scale;
pub mod sdp;
pub mod server;
pub mod tamper;
pub mod tls;
pub mod vendor;

pub use chance::{Chance, skipped};
pub use clock::Clock;
pub use database::damage_table;
pub use eventually::{eventually, eventually_async};
pub use fsck::fsck;
pub use mail::MailServer;
pub use payload::Payload;
pub use receiver::Receiver;
pub use scale::times;
pub use server::Server;
pub use tamper::tamper;
pub use tls::{Authority, TlsFront};
pub use vendor::Vendor;
