//! Proof stamps: what the file system said of an inode when its bytes were hashed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, Sha256, package::ProofStamp};

use crate::{
    Db, Result, Write, derived,
    sql::{Cells, Column, IntoValue, Record, Value, record, rows},
};

impl Record for Proof {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self {
            stamp: stamp(row)?,
            sha256: Sha256::read(row, "sha256")?,
            verified_at: Timestamp::read(row, "verified_at")?,
        })
    }
}

/// Device and inode are kept as the same 64 bits with a sign.
pub(super) fn stamp(row: &dyn Cells) -> Result<ProofStamp> {
    Ok(ProofStamp {
        dev: i64::read(row, "dev")?.cast_unsigned(),
        inode: i64::read(row, "inode")?.cast_unsigned(),
        size_bytes: u64::read(row, "size_bytes")?,
        mtime_ns: i64::read(row, "mtime_ns")?,
        ctime_ns: i64::read(row, "ctime_ns")?,
    })
}

/// Columns `verified_at`, `dev`, `inode`, `size_bytes`, `mtime_ns`, `ctime_ns` of a left join, or none.
pub(super) fn optional(row: &dyn Cells) -> Result<Option<(ProofStamp, Timestamp)>> {
    if row.is_null("verified_at")? {
        return Ok(None);
    }
    Ok(Some((stamp(row)?, Timestamp::read(row, "verified_at")?)))
}

record!(
    struct User {
        package_id: PackageId,
    }
);

/// `CROSS JOIN` keeps SQLite to this order: by itself it begins with all versions of the location, for every inode.
const USERS: &str = "SELECT DISTINCT f.package_id FROM json_each($1) AS j CROSS JOIN package_file AS f \
     CROSS JOIN package_version AS v WHERE f.inode = CAST(j.value ->> 2 AS BIGINT) \
     AND f.dev = CAST(j.value ->> 1 AS BIGINT) AND v.package_id = f.package_id AND v.version = f.version \
     AND v.location_id = CAST(j.value ->> 0 AS TEXT)";
/// In the same order.
const PUT: &str = "INSERT INTO proof (job_id, location_id, dev, inode, size_bytes, mtime_ns, ctime_ns, sha256, \
     verified_at) SELECT $1, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT), \
     CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT), CAST(value ->> 5 AS BIGINT), \
     CAST(value ->> 6 AS TEXT), CAST(value ->> 7 AS BIGINT) FROM json_each($2) AS j \
     WHERE EXISTS (SELECT 1 FROM package_file AS f CROSS JOIN package_version AS v \
     WHERE v.package_id = f.package_id AND v.version = f.version AND f.inode = CAST(j.value ->> 2 AS BIGINT) \
     AND f.dev = CAST(j.value ->> 1 AS BIGINT) AND v.location_id = CAST(j.value ->> 0 AS TEXT)) \
     ON CONFLICT (location_id, dev, inode) DO UPDATE SET size_bytes = excluded.size_bytes, \
     mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, sha256 = excluded.sha256, \
     verified_at = excluded.verified_at, job_id = excluded.job_id";

/// Packages with a file on one of these inodes: rows of location, device, inode.
pub(super) async fn users(w: &mut Write<'_>, what: &'static str, inodes: Value) -> Result<Vec<PackageId>> {
    let users = w.all::<User>(what, USERS, vec![inodes]).await?;
    Ok(users.into_iter().map(|row| row.package_id).collect())
}

/// Stores proofs of inodes that a file of the database has; where one comes twice (hard links) the last one counts.
/// Returns every package with a file on one of these inodes: their derived columns follow.
pub(super) async fn put(
    w: &mut Write<'_>,
    what: &'static str,
    job: Option<JobId>,
    proofs: &[(LocationId, Proof)],
) -> Result<Vec<PackageId>> {
    let last: BTreeMap<_, _> = proofs.iter().map(|(at, p)| ((*at, p.stamp.dev, p.stamp.inode), p)).collect();
    let lines = last.iter().map(|((location, dev, inode), p)| {
        let at = p.verified_at.as_microsecond();
        let s = p.stamp;
        (location, dev.cast_signed(), inode.cast_signed(), s.size_bytes, s.mtime_ns, s.ctime_ns, p.sha256, at)
    });
    w.run(what, PUT, vec![job.into_value(), rows(what, lines)?]).await?;
    users(w, what, rows(what, last.keys().map(|(at, dev, inode)| (at, dev.cast_signed(), inode.cast_signed())))?).await
}

record!(
    /// An inode of a location.
    pub(super) struct Inode {
        pub(super) location_id: LocationId,
        pub(super) dev: i64,
        pub(super) inode: i64,
    }
);

/// Removes the proofs of these inodes that no file has any more.
pub(super) async fn drop_unused(w: &mut Write<'_>, what: &'static str, inodes: &[Inode]) -> Result<()> {
    const DROP: &str = "DELETE FROM proof WHERE (location_id, dev, inode) IN (SELECT CAST(value ->> 0 AS TEXT), \
         CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT) FROM json_each($1)) \
         AND NOT EXISTS (SELECT 1 FROM package_file AS f CROSS JOIN package_version AS v \
         WHERE v.package_id = f.package_id AND v.version = f.version AND f.inode = proof.inode AND f.dev = proof.dev \
         AND v.location_id = proof.location_id)";
    if !inodes.is_empty() {
        w.run(what, DROP, vec![rows(what, inodes.iter().map(|i| (i.location_id, i.dev, i.inode)))?]).await?;
    }
    Ok(())
}

/// A proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The stamp.
    pub stamp: ProofStamp,
    /// Identity of the content.
    pub sha256: Sha256,
    /// When its bytes were hashed.
    pub verified_at: Timestamp,
}

/// Proofs of inodes of a location, in no order; inodes without one are left out.
///
/// # Errors
/// When the database fails.
pub async fn proofs(db: &Db, location: LocationId, inodes: &[(u64, u64)]) -> Result<Vec<Proof>> {
    const WHAT: &str = "read proofs";
    const READ: &str = "SELECT p.dev, p.inode, p.size_bytes, p.mtime_ns, p.ctime_ns, p.sha256, p.verified_at \
         FROM json_each($2) AS j CROSS JOIN proof AS p WHERE p.location_id = $1 AND p.dev = CAST(j.value ->> 0 AS BIGINT) \
         AND p.inode = CAST(j.value ->> 1 AS BIGINT)";
    let batch = rows(WHAT, inodes.iter().map(|(dev, inode)| (dev.cast_signed(), inode.cast_signed())))?;
    db.all(WHAT, READ, vec![location.into_value(), batch]).await
}

/// Stores proofs in bulk (after our own link or unlink changed ctime, or after hashing).
///
/// # Errors
/// When the database fails.
pub async fn put_proofs(w: &mut Write<'_>, location: LocationId, job: Option<JobId>, proofs: &[Proof]) -> Result<()> {
    const WHAT: &str = "write proofs";
    let lines: Vec<_> = proofs.iter().map(|p| (location, p.clone())).collect();
    let users = put(w, WHAT, job, &lines).await?;
    derived::packages(w, users).await
}

/// Our own unlinks changed the stamps of inodes: `(before, after)`. Proofs that were made for the stamp before, at any
/// location (a hard link may reach over two), are of the one after from now on.
///
/// # Errors
/// When the database fails.
pub async fn restamp(w: &mut Write<'_>, changed: &[(ProofStamp, ProofStamp)]) -> Result<u64> {
    const WHAT: &str = "bring proofs up to date with our own unlinks";
    const RESTAMP: &str = "UPDATE proof SET ctime_ns = j.after_ns FROM (SELECT l.location_id AS place, \
         CAST(c.value ->> 0 AS BIGINT) AS device, CAST(c.value ->> 1 AS BIGINT) AS number, \
         CAST(c.value ->> 2 AS BIGINT) AS length, CAST(c.value ->> 3 AS BIGINT) AS written, \
         CAST(c.value ->> 4 AS BIGINT) AS before_ns, CAST(c.value ->> 5 AS BIGINT) AS after_ns \
         FROM json_each($1) AS c CROSS JOIN location AS l) AS j WHERE proof.location_id = j.place \
         AND proof.dev = j.device AND proof.inode = j.number AND proof.size_bytes = j.length \
         AND proof.mtime_ns = j.written AND proof.ctime_ns = j.before_ns";
    let lines = changed
        .iter()
        .map(|(b, a)| (b.dev.cast_signed(), b.inode.cast_signed(), b.size_bytes, b.mtime_ns, b.ctime_ns, a.ctime_ns));
    w.run(WHAT, RESTAMP, vec![rows(WHAT, lines)?]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection::Sql, plan};

    /// Reading all versions of a location for each inode made ten thousand packages take a minute and a half.
    #[tokio::test]
    async fn proofs_are_written_without_reading_all_versions_of_their_location() {
        let (db, _folder) = plan::database().await;
        for statement in [USERS, PUT] {
            let explain = Sql::Built(format!("EXPLAIN QUERY PLAN {statement}"));
            let steps = plan::steps(&db, explain, Vec::new()).await;
            assert!(steps.iter().any(|step| step.contains("package_file_inode")), "{steps:#?}");
            assert!(!steps.iter().any(|step| step.ends_with("(location_id=?)")), "{steps:#?}");
        }
    }
}
