//! Disks whose writes are recorded, so that the power can be cut afterwards, at any moment, any number of times.
//!
//! `qemu-nbd` writes the log (driver `blklogwrites`), `nbdfuse` makes its disk a file, and a loop device makes that file a
//! disk again: the kernel's own `dm-log-writes` is missing on many machines. Nothing is cut while the server runs; the
//! images are made from the log when it has ended.

use std::{
    fs::File,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::{
    FileSystem, LoopPermit, Unflushed, folder_for_disks,
    mounted::{Mounted, text},
    nbd::{self, Served},
    run,
    write_log::WriteLog,
};

/// A mounted file system whose writes are logged. Everything is taken down when it is dropped.
#[derive(Debug)]
pub struct RecordedDisk {
    served: Served,
    folder: TempDir,
    permit: Arc<LoopPermit>,
}

impl RecordedDisk {
    /// Makes and mounts one of `size_mib` (sparse; xfs wants 300 or more).
    ///
    /// # Errors
    /// Why this machine does not allow it: not root, no loop devices or FUSE, a program is missing. A test says so and
    /// skips.
    pub fn create(permit: &Arc<LoopPermit>, kind: FileSystem, size_mib: u64) -> Result<Self, String> {
        let folder = folder_for_disks()?;
        let at = |name: &str| folder.path().join(name);
        let (blank, disk, log, socket) = (at("blank"), at("disk"), at("log"), nbd::socket(&folder));
        kind.make(&blank, size_mib)?;
        copy(&blank, &disk)?;
        File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let opened =
            |name: &str, path: &Path| Ok::<_, String>(format!("{name}.driver=file,{name}.filename={}", text(path)?));
        let options = format!("driver=blklogwrites,{},{}", opened("file", &disk)?, opened("log", &log)?);
        let served = Served::start(&folder, "qemu-nbd", &["--socket", text(&socket)?, "--image-opts", &options])?;
        Ok(Self { served, folder, permit: Arc::clone(permit) })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.served.path().to_owned()
    }

    /// Tells how far the log has come.
    ///
    /// # Panics
    /// When the log is gone.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge(Arc::new(File::open(self.folder.path().join("log")).expect("the log")))
    }

    /// Unmounts it (its users must be gone) and reads the log.
    ///
    /// # Panics
    /// When it cannot be unmounted, or the log is not what it should be.
    #[must_use]
    pub fn finish(self) -> Recording {
        let Self { served, folder, permit } = self;
        let path = served.path().to_owned();
        served.end();
        let log = WriteLog::open(&folder.path().join("log")).unwrap_or_else(|e| panic!("the write log: {e}"));
        Recording { path, log, folder, _permit: permit }
    }
}

/// Tells how many bytes of a log are written: what has ended by now lies below, what begins from now on lies above.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<File>);

impl Gauge {
    /// The position now.
    ///
    /// # Panics
    /// When the log cannot be looked at.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.metadata().expect("an open file has a length").size()
    }
}

/// A disk as it was at any moment of its recording. Removed when dropped.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    log: WriteLog,
    folder: TempDir,
    _permit: Arc<LoopPermit>,
}

impl Recording {
    /// The position before each flush that made something durable, and the end: between two of them the durable state
    /// is the same.
    #[must_use]
    pub fn flushes(&self) -> Vec<u64> {
        self.log.flushes()
    }

    /// Mounts, where the disk itself was mounted, what a power cut at this position would have left.
    ///
    /// # Errors
    /// It cannot be mounted.
    ///
    /// # Panics
    /// When the image cannot be made.
    pub fn mount(&self, position: u64, unflushed: &mut Unflushed<'_>) -> Result<Image, String> {
        let path = self.folder.path().join("image");
        copy(&self.folder.path().join("blank"), &path).unwrap_or_else(|e| panic!("an image: {e}"));
        let image = File::options().write(true).open(&path).expect("the image");
        self.log.replay(&image, position, unflushed).unwrap_or_else(|e| panic!("replay to {position}: {e}"));
        Ok(Image(Mounted::new(&path, &self.path)?))
    }
}

#[cfg(test)]
impl Recording {
    /// The whole log replayed is the disk as it was left.
    pub(super) fn assert_whole(&self) {
        let path = |name: &str| self.folder.path().join(name);
        copy(&path("blank"), &path("image")).unwrap();
        let image = File::options().write(true).open(path("image")).unwrap();
        self.log.replay(&image, u64::MAX, &mut Unflushed::Kept).unwrap();
        run("cmp", &[text(&path("image")).unwrap(), text(&path("disk")).unwrap()]).unwrap();
    }
}

/// A mounted image. Unmounted when dropped; its users must be gone.
#[derive(Debug)]
pub struct Image(#[allow(dead_code, reason = "it is unmounted with it")] Mounted);

/// Copies a file with its holes.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    run("cp", &["--sparse=always", text(from)?, text(to)?]).map(drop)
}
