//! The resource database on SQLite and PostgreSQL.
//!
//! One module per aggregate, plain functions: those that read take [`Db`], those that change take a [`Write`]
//! transaction, which carries who does it and writes the audit rows with the change. One SQL text serves both back
//! ends: only `TEXT` and `BIGINT` are used, and a batch of rows goes in as one JSON parameter (see `sql.rs`).

pub mod accounts;
pub mod audit;
pub mod backup;
pub mod bulletins;
pub mod catalogue;
mod connection;
mod damage;
mod derived;
mod error;
pub mod feeds;
mod file;
pub mod findings;
pub mod history;
pub mod jobs;
pub mod locations;
pub mod logs;
mod migrate;
pub mod notifications;
mod open;
pub mod packages;
mod packed;
mod page;
#[cfg(test)]
mod plan;
pub mod policies;
mod postgres;
mod presence;
pub mod restore;
mod search;
pub mod settings;
mod sql;
mod sqlite;
pub mod timers;
pub mod updates;
mod write;

pub use error::{DbError, ErrorClass, Result};
pub use open::{Db, Options};
pub use page::Page;
pub use presence::Presence;
pub use write::Write;
