//! How much room is left.

use std::{io, os::fd::BorrowedFd};

/// Room that is left in a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that we may still write.
    pub free_bytes: u64,
    /// Bytes of the file system.
    pub total_bytes: u64,
    /// Files and folders that can still be made; none where the file system has no such limit (xfs, btrfs).
    pub free_inodes: Option<u64>,
}

pub(super) fn of(root: BorrowedFd<'_>) -> io::Result<Space> {
    let stat = rustix::fs::fstatvfs(root)?;
    Ok(Space {
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        free_inodes: (stat.f_files > 0).then_some(stat.f_favail),
    })
}
