//! Disks on which writing fails when a test says so, and that are healthy before and after.
//!
//! `nbdkit` with its filter `error` stands under the file system, where a broken cable would: what the kernel makes of a
//! failed write (an error of the next fsync, and pages that it calls clean though the disk never had them) is its own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::{
    FileSystem, LoopPermit, folder_for_disks,
    mounted::text,
    nbd::{self, Served},
};

/// A mounted file system whose disk can be made to fail. Everything is taken down when it is dropped.
#[derive(Debug)]
pub struct FailingDisk {
    served: Served,
    folder: TempDir,
    _permit: Arc<LoopPermit>,
}

impl FailingDisk {
    /// Makes and mounts one of `size_mib` (sparse; xfs wants 300 or more). It is healthy.
    ///
    /// # Errors
    /// Why this machine does not allow it: not root, no loop devices or FUSE, a program is missing. A test says so and
    /// skips.
    pub fn create(permit: &Arc<LoopPermit>, kind: FileSystem, size_mib: u64) -> Result<Self, String> {
        let folder = folder_for_disks()?;
        let (image, socket) = (folder.path().join("image"), nbd::socket(&folder));
        kind.make(&image, size_mib)?;
        let (file, while_there) =
            (format!("file={}", text(&image)?), format!("error-pwrite-file={}", text(&failing(folder.path()))?));
        let served = Served::start(
            &folder,
            "nbdkit",
            &[
                "--foreground",
                "--unix",
                text(&socket)?,
                "--filter=error",
                "file",
                &file,
                "error-pwrite=EIO",
                "error-pwrite-rate=100%",
                &while_there,
            ],
        )?;
        Ok(Self { served, folder, _permit: Arc::clone(permit) })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.served.path().to_owned()
    }

    /// From now on every write to the disk itself fails with EIO, or none does.
    ///
    /// # Panics
    /// When the switch cannot be made or removed.
    pub fn fail(&self, fails: bool) {
        let switch = failing(self.folder.path());
        let done = if fails { std::fs::write(&switch, "") } else { std::fs::remove_file(&switch) };
        done.unwrap_or_else(|e| panic!("{}: {e}", switch.display()));
    }
}

/// While this file is there, writes fail.
fn failing(folder: &Path) -> PathBuf {
    folder.join("failing")
}
