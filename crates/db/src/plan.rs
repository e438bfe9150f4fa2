//! How SQLite goes about a statement: for tests of statements that are slow when it begins at the wrong end.
#![allow(clippy::unwrap_used)]

use crate::{
    Db, Options,
    connection::Sql,
    sql::{Value, record},
};

record!(
    struct Step {
        detail: String,
    }
);

/// A new, empty database; it goes with its folder.
pub(crate) async fn database() -> (Db, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchwharf.db").display().to_string();
    (Db::open(&Options::new(path), jiff::Timestamp::UNIX_EPOCH).await.unwrap(), folder)
}

/// The steps of an `EXPLAIN QUERY PLAN ...`, as SQLite words them.
pub(crate) async fn steps(db: &Db, explain: Sql, args: Vec<Value>) -> Vec<String> {
    let steps: Vec<Step> = db.all("explain a statement", explain, args).await.unwrap();
    steps.into_iter().map(|step| step.detail).collect()
}
