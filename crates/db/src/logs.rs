//! Log records, numbered per server by its one writer.
//!
//! SQLite: a file of its own (`log.db`, `synchronous=NORMAL`), so that logging never waits for the resource database.
//! PostgreSQL: a table.

use jiff::Timestamp;
use patchwharf_model::{BulletinId, InstanceId, JobId, PackageId};

use crate::{Db, Result, sql::record};

record!(
    /// A log record.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LogRecord {
        /// The server that wrote it.
        pub server: InstanceId,
        /// Its number there; rises by one.
        pub number: u64,
        /// When.
        pub at: Timestamp,
        /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
        pub level: u32,
        /// The module that wrote it.
        pub target: String,
        /// The message.
        pub message: String,
        /// Its job.
        pub job_id: Option<JobId>,
        /// Its package.
        pub package_id: Option<PackageId>,
        /// Its bulletin.
        pub bulletin_id: Option<BulletinId>,
        /// Other fields, JSON object.
        pub fields: String,
    }
);

/// Which records.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Of one server; none: of all.
    pub server: Option<InstanceId>,
    /// Numbers above this one (with `server`): to follow.
    pub after: Option<u64>,
    /// Of this job.
    pub job: Option<JobId>,
    /// Of this package.
    pub package: Option<PackageId>,
    /// Of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// This level or graver; none: all.
    pub max_level: Option<u32>,
    /// Part of the message, in any case of ASCII letters.
    pub text: Option<String>,
    /// At most so many: the oldest of them with `after`, else the newest.
    pub limit: u32,
}

/// Writes records in one transaction.
///
/// # Errors
/// When the database fails.
pub async fn append(db: &Db, records: &[LogRecord]) -> Result<()> {
    let _ = (db, records);
    todo!()
}

/// The last number of a server; 0: none yet.
///
/// # Errors
/// When the database fails.
pub async fn last_number(db: &Db, server: InstanceId) -> Result<u64> {
    let _ = (db, server);
    todo!()
}

/// Records that match, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn tail(db: &Db, filter: &LogFilter) -> Result<Vec<LogRecord>> {
    let _ = (db, filter);
    todo!()
}

/// Deletes records older than a time, and the oldest beyond about `max_bytes` in all. Returns how many went.
///
/// # Errors
/// When the database fails.
pub async fn prune(db: &Db, before: Timestamp, max_bytes: u64) -> Result<u64> {
    let _ = (db, before, max_bytes);
    todo!()
}
