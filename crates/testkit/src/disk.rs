//! Disks that lose power: small file systems on loop devices that a test shuts down under a running process.
//!
//! The shutdown ioctl of ext4 and xfs is the power cut: what was not made durable is gone after the next mount, journal
//! replay included. Stop the process first (SIGSTOP): an fsync in flight could otherwise return success while the file
//! system goes down, which no real disk does.

mod failing;
mod mounted;
mod nbd;
mod recorded;
mod write_log;

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

pub use failing::FailingDisk;
use mounted::{Mounted, text};
pub use recorded::{Gauge, Image, RecordedDisk, Recording};
pub use write_log::Unflushed;

/// How long a permit may be waited for. In a soak, others hold theirs for hours.
const WAIT: Duration = Duration::from_secs(48 * 3600);
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
        crate::eventually("a permit for loop devices is free", WAIT, || {
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

impl FileSystem {
    /// Makes one in a file of `size_mib` (sparse).
    fn make(self, image: &Path, size_mib: u64) -> Result<(), String> {
        let file = File::create(image).map_err(|e| format!("{}: {e}", image.display()))?;
        file.set_len(size_mib << 20).map_err(|e| format!("{}: {e}", image.display()))?;
        match self {
            Self::Ext4 => run("mkfs.ext4", &["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", text(image)?]),
            Self::Xfs => run("mkfs.xfs", &["-q", "-f", text(image)?]),
        }
        .map(drop)
    }
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
    mounted: Mounted,
    folder: TempDir,
    _permit: Arc<LoopPermit>,
}

impl PowerDisk {
    /// Makes and mounts one of `size_mib` (sparse; xfs wants 300 or more).
    ///
    /// # Errors
    /// Why this machine does not allow it: not root, no loop devices, a program is missing. A test says so and skips.
    pub fn create(permit: &Arc<LoopPermit>, kind: FileSystem, size_mib: u64) -> Result<Self, String> {
        let folder = folder_for_disks()?;
        let image = folder.path().join("image");
        kind.make(&image, size_mib)?;
        let mounted = Mounted::new(&image, &mount_point(&folder)?)?;
        Ok(Self { kind, mounted, folder, _permit: Arc::clone(permit) })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.mounted.path().to_owned()
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
        let path = text(self.mounted.path()).expect("UTF-8");
        let shutdown = if how == Cut::JournalFlushed { "shutdown -f" } else { "shutdown" };
        run("xfs_io", &["-x", "-c", shutdown, path]).unwrap_or_else(|e| panic!("no power cut: {e}"));
    }

    /// Changes one byte of a durable file on the disk itself, behind the file system's back: what the kernel remembers of
    /// the file stays as it was.
    ///
    /// # Errors
    /// The file's place on the disk cannot be found.
    pub fn flip_byte_of(&self, file: &Path) -> Result<(), String> {
        let name = file.to_str().ok_or("a path that is not UTF-8")?;
        let told = run("filefrag", &["-b512", "-v", name])?;
        let first = told.lines().find(|line| line.trim_start().starts_with("0:"));
        let sector: u64 = first
            .and_then(|line| line.split(':').nth(2)?.split("..").next()?.trim().parse().ok())
            .ok_or_else(|| format!("filefrag does not say where {name} is: {told}"))?;
        let image = File::options()
            .read(true)
            .write(true)
            .open(self.folder.path().join("image"))
            .map_err(|e| format!("the image: {e}"))?;
        let (mut byte, at) = ([0], sector * 512 + 100);
        image.read_exact_at(&mut byte, at).map_err(|e| format!("read the image: {e}"))?;
        image.write_all_at(&[byte[0] ^ 1], at).map_err(|e| format!("write the image: {e}"))
    }

    /// Power is back: unmounts (the users must be gone) and mounts again; the journal is replayed.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn restore(&mut self) {
        self.mounted.again().unwrap_or_else(|e| panic!("the disk does not come back: {e}"));
    }
}

/// In memory where possible: what survives the cut is then decided by the file system under test alone, and flushes cost
/// nothing.
fn folder_for_disks() -> Result<TempDir, String> {
    let base = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
    tempfile::Builder::new().prefix("patchwharf-disk-").tempdir_in(base).map_err(|e| format!("a folder in {base}: {e}"))
}

fn mount_point(folder: &TempDir) -> Result<PathBuf, String> {
    let path = folder.path().join("mounted");
    std::fs::create_dir(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
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
