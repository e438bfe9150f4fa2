//! The words of the domain: ids, bulletins, updates, packages, rules, and the types of the API.
//!
//! Pure data: no I/O, no clock, no SQL. Time always comes in as a parameter.

pub mod account;
pub mod api;
pub mod catalogue;
pub mod digest;
pub mod finding;
pub mod hours;
pub mod ids;
pub mod installable;
pub mod job;
mod named;
pub mod names;
pub mod package;
pub mod rule;
pub mod severity;
pub mod size;
pub mod span;
pub mod unused;
pub mod update;

pub use account::Role;
pub use digest::{Sha1, Sha256};
pub use hours::DailyHours;
pub use ids::*;
pub use names::{FileName, is_device_name};
pub use severity::Severity;
pub use size::ByteSize;
pub use unused::{UnusedAfter, UnusedRule};

/// A point in time; stored in databases as microseconds since 1970 (UTC).
pub use jiff::Timestamp;
