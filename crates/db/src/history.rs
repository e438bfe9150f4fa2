//! What the store held over time.

use jiff::Timestamp;

use crate::{
    Db, Result, Write,
    sql::{args, record},
};

record!(
    /// What the store held at a moment.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StoreSample {
        /// When.
        pub at: Timestamp,
        /// Packages with proved files.
        pub packages: u64,
        /// Bytes of those files, each as often as it is named.
        pub size_bytes: u64,
        /// Bytes on disk: the same data once.
        pub disk_bytes: u64,
    }
);

/// The samples since a time, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn samples(db: &Db, since: Timestamp) -> Result<Vec<StoreSample>> {
    const READ: &str = "SELECT * FROM store_sample WHERE at >= $1 ORDER BY at";
    db.all("read what the store held", READ, args![since]).await
}

/// Notes what the store holds now.
///
/// # Errors
/// When the database fails.
pub async fn note(w: &mut Write<'_>, packages: u64, size_bytes: u64, disk_bytes: u64) -> Result<()> {
    const NOTE: &str = "INSERT INTO store_sample (at, packages, size_bytes, disk_bytes) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (at) DO NOTHING";
    let now = w.now();
    w.run("note what the store holds", NOTE, args![now, packages, size_bytes, disk_bytes]).await?;
    Ok(())
}

/// Deletes samples from before a time.
///
/// # Errors
/// When the database fails.
pub async fn prune(w: &mut Write<'_>, before: Timestamp) -> Result<u64> {
    w.run("delete old samples", "DELETE FROM store_sample WHERE at < $1", args![before]).await
}
