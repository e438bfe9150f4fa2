//! Disks that lose power: small file systems on loop devices that a test shuts down under a running process.
//!
//! The shutdown ioctl of ext4 and xfs is the power cut: what was not made durable is gone after the next mount, journal
//! replay included. Stop the process first (SIGSTOP): an fsync in flight could otherwise return success while the file
//! system goes down, which no real disk does.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

/// Who holds one of these may have two loop devices; the machine has few, and others want some. Held across processes.
const PERMITS: usize = 2;

/// Leave to use up to two loop devices.
#[derive(Debug)]
pub struct LoopPermit(#[allow(dead_code, reason = "its lock ends with it")] File);

impl LoopPermit {
    /// Waits for one.
    ///
    /// # Panics
    /// When the lock files cannot be made.
    #[must_use]
    pub fn take() -> Arc<Self> {
        crate::eventually("a permit for loop devices is free", Duration::from_secs(1800), || {
            (0..PERMITS).find_map(|number| {
                let path = std::env::temp_dir().join(format!("patchwharf-loop-permit-{number}"));
                let file = File::create(path).expect("a lock file");
                flock(&file, FlockOperation::NonBlockingLockExclusive).ok().map(|()| Arc::new(Self(file)))
            })
        })
    }
}

/// Which file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// ext4 with its defaults.
    Ext4,
    /// xfs.
    Xfs,
}

/// What a power cut leaves of metadata that was not made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The journal is not flushed: the state of the last commit.
    Plain,
    /// The journal is flushed, data are not: names without content.
    JournalFlushed,
}

/// A mounted file system of its own. Unmounted and removed when dropped.
#[derive(Debug)]
pub struct PowerDisk {
    kind: FileSystem,
    device: Option<String>,
    mounted: bool,
    folder: TempDir,
    _permit: Arc<LoopPermit>,
}

impl PowerDisk {
    /// Makes and mounts one of `size_mib` (sparse; xfs wants 300 or more).
    ///
    /// # Errors
    /// Why this machine does not allow it: not root, no loop devices, a program is missing. A test says so and skips.
    pub fn create(permit: &Arc<LoopPermit>, kind: FileSystem, size_mib: u64) -> Result<Self, String> {
        // In memory where possible: what survives the cut is then decided by the file system under test alone, and
        // flushes cost nothing.
        let base = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
        let folder = tempfile::Builder::new().prefix("patchwharf-disk-").tempdir_in(base).map_err(|e| e.to_string())?;
        let image = folder.path().join("image");
        let file = File::create(&image).map_err(|e| e.to_string())?;
        file.set_len(size_mib << 20).map_err(|e| e.to_string())?;
        std::fs::create_dir(folder.path().join("mounted")).map_err(|e| e.to_string())?;
        let image = image.to_str().ok_or("a path that is not UTF-8")?.to_owned();
        match kind {
            FileSystem::Ext4 => {
                run("mkfs.ext4", &["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", &image])?
            }
            FileSystem::Xfs => run("mkfs.xfs", &["-q", "-f", &image])?,
        };
        let device = run("losetup", &["--find", "--show", &image])?.trim().to_owned();
        let mut disk = Self { kind, device: Some(device), mounted: false, folder, _permit: Arc::clone(permit) };
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// Which file system it is.
    #[must_use]
    pub fn kind(&self) -> FileSystem {
        self.kind
    }

    /// Cuts the power. From now on everything on it fails with EIO, until [`Self::restore`].
    ///
    /// # Panics
    /// When the file system refuses: the test could prove nothing.
    pub fn cut(&self, how: Cut) {
        let path = self.path();
        let path = path.to_str().expect("UTF-8");
        let shutdown = if how == Cut::JournalFlushed { "shutdown -f" } else { "shutdown" };
        run("xfs_io", &["-x", "-c", shutdown, path]).unwrap_or_else(|e| panic!("no power cut: {e}"));
    }

    /// Power is back: unmounts (the users must be gone) and mounts again; the journal is replayed.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn restore(&mut self) {
        self.unmount();
        self.mount().unwrap_or_else(|e| panic!("the disk does not come back: {e}"));
    }

    fn mount(&mut self) -> Result<(), String> {
        let path = self.path();
        let device = self.device.clone().unwrap_or_default();
        run("mount", &[&device, path.to_str().ok_or("a path that is not UTF-8")?])?;
        self.mounted = true;
        Ok(())
    }

    fn unmount(&mut self) {
        let path = self.path();
        let path = path.to_str().expect("UTF-8").to_owned();
        // The last file of a killed process is closed a moment after it was waited for.
        crate::eventually("the disk is no longer in use", Duration::from_secs(20), || run("umount", &[&path]).ok());
        self.mounted = false;
    }
}

impl Drop for PowerDisk {
    fn drop(&mut self) {
        let path = self.path();
        if self.mounted
            && let Some(path) = path.to_str()
            && run("umount", &[path]).is_err()
        {
            // Lazily rather than never: a failing test may still hold it.
            let _ = run("umount", &["--lazy", path]);
        }
        if let Some(device) = self.device.take() {
            let _ = run("losetup", &["--detach", &device]);
        }
    }
}

/// A tmpfs of a fixed size: a disk that gets full. Unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of `size_kib` with so many inodes.
    ///
    /// # Errors
    /// Why this machine does not allow it.
    pub fn create(size_kib: u64, inodes: u64) -> Result<Self, String> {
        let folder = TempDir::with_prefix("patchwharf-small-").map_err(|e| e.to_string())?;
        let path = folder.path().to_str().ok_or("a path that is not UTF-8")?;
        let options = format!("size={size_kib}k,nr_inodes={inodes},mode=0755");
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", path])?;
        Ok(Self { folder })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(path) = self.folder.path().to_str()
            && run("umount", &[path]).is_err()
        {
            let _ = run("umount", &["--lazy", path]);
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let ran =
        Command::new(program).args(arguments).env("PATH", path).output().map_err(|e| format!("{program}: {e}"))?;
    if ran.status.success() {
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    } else {
        Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&ran.stderr).trim()))
    }
}

#[cfg(test)]
mod tests;
