//! Proof stamps: what the file system says of an inode whose bytes were hashed.

use std::{io, os::fd::AsFd};

use patchwharf_model::package::ProofStamp;
use rustix::fs::{Stat, fstat};

/// The stamp of an open file.
///
/// # Errors
/// What `fstat` gives.
pub(crate) fn of(file: impl AsFd) -> io::Result<ProofStamp> {
    Ok(from_stat(&fstat(file)?))
}

/// The stamp that a `stat` result means.
#[allow(clippy::unnecessary_cast, reason = "field types differ between architectures")]
pub(crate) fn from_stat(stat: &Stat) -> ProofStamp {
    let ns = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    ProofStamp {
        dev: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
        mtime_ns: ns(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        ctime_ns: ns(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
    }
}

/// Whether two stamps are of one inode with the same content, whatever links did to its ctime.
pub(crate) fn same_content(a: &ProofStamp, b: &ProofStamp) -> bool {
    (a.dev, a.inode, a.size_bytes, a.mtime_ns) == (b.dev, b.inode, b.size_bytes, b.mtime_ns)
}
