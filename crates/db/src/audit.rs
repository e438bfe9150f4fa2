//! Who changed what, when, from where.

use jiff::Timestamp;

use crate::{Db, Page, Result, sql::record};

record!(
    /// One change.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AuditRow {
        /// Rises with every change.
        pub audit_id: i64,
        /// When.
        pub at: Timestamp,
        /// Who.
        pub actor: String,
        /// From where: `api`, `job <id>`, `start-up`.
        pub source: String,
        /// What: `bulletin.disable`, `package.delete` ...
        pub action: String,
        /// On what: kind and id, `bulletin <id>`.
        pub object: String,
        /// As it was.
        pub before: Option<String>,
        /// As it is.
        pub after: Option<String>,
    }
);

/// A page of changes, newest first; of one object, if given.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, object: Option<&str>, cursor: Option<&str>, limit: u32) -> Result<Page<AuditRow>> {
    let _ = (db, object, cursor, limit);
    todo!()
}
