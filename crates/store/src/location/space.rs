//! How much room is left.

use std::{io, os::fd::BorrowedFd};

use patchwharf_model::update::VendorDigest;
use rustix::fs::{AtFlags, FileType, statat};

use crate::layout;

/// Unit of `st_blocks`, in bytes (stat(2)).
const BLOCK_BYTES: u64 = 512;

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

/// Bytes of the file system that downloads of these contents hold already: room that they need no more. What is not on
/// its way holds none.
pub(super) fn on_its_way<'a>(staging: BorrowedFd<'_>, contents: impl Iterator<Item = (&'a VendorDigest, u64)>) -> u64 {
    contents
        .map(|(digest, size_bytes)| {
            let path = format!("{}/{}", layout::partial_name(digest), layout::PARTIAL_DATA);
            match statat(staging, path.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                    u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(BLOCK_BYTES).min(size_bytes)
                }
                _ => 0,
            }
        })
        .sum()
}
