//! What the file system of a location can do: tried, not guessed.

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use camino::Utf8PathBuf;
use rustix::{
    fs::{AtFlags, fstatfs, statat},
    io::Errno,
};
use uuid::Uuid;

use super::Location;
use crate::{
    Access, Given, TakeAs, Taken,
    disk::Kind,
    error::{Attempt as _, DiskError},
    layout, tree, write,
};

/// Names of file systems that lie on another machine (`f_type` of statfs(2), linux/magic.h).
const NETWORK: [(u32, &str); 12] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x5346_414F, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00C3_6400, "Ceph"),
    (0x0116_1970, "GFS2"),
    (0x7461_636F, "OCFS2"),
    (0x0BD0_0BD0, "Lustre"),
    (0x0102_1997, "9P"),
    (0x6573_5546, "FUSE"),
];

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probes {
    /// `a` and `A` are two names.
    pub case_sensitive: bool,
    /// Long names and names beyond ASCII stay as they were given.
    pub keeps_names: bool,
    /// One inode can have several names.
    pub hard_links: bool,
    /// Files can be read past the page cache; else cached pages are dropped before they are read back.
    pub direct_reads: bool,
    /// The name of the file system, when it lies on another machine (or, for FUSE, may).
    pub network: Option<&'static str>,
}

/// Whether a file at one location can get a name at another without its bytes being copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// By a hard link.
    HardLinks,
    /// By shared blocks.
    Reflinks,
    /// Not at all.
    No,
}

/// A folder for trying things, removed when dropped.
struct Bench<'a> {
    location: &'a Location,
    name: String,
    folder: OwnedFd,
}

impl<'a> Bench<'a> {
    fn new(location: &'a Location) -> Result<Self, DiskError> {
        let name = format!("{}{}", layout::PROBE_PREFIX, Uuid::now_v7());
        let staging = || location.path().join(layout::STAGING);
        let folder = location.disk.mkdir(location.staging.as_fd(), &name).attempt("write to", staging)?;
        Ok(Self { location, name, folder })
    }

    fn path(&self) -> Utf8PathBuf {
        self.location.path().join(layout::STAGING)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.location.disk.create(self.folder.as_fd(), name)
    }

    fn has(&self, name: &str) -> bool {
        statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.location.remove_tree(self.location.staging.as_fd(), self.name.as_ref()) {
            tracing::debug!(%error, name = self.name, "a probe is left for the next start");
        }
    }
}

impl Location {
    /// Tries what the file system can do, in `.staging`; leaves nothing.
    ///
    /// # Errors
    /// It cannot be written, a folder cannot be made durable, or it does not say what it is.
    pub fn probe(&self) -> Result<Probes, DiskError> {
        let bench = Bench::new(self)?;
        let path = || bench.path();
        let file = bench.create("probe").attempt("create a file in", path)?;
        write::all(&*self.disk, &file, &[7; 8192]).attempt("write to", path)?;
        self.disk.fsync(file.as_fd(), Kind::File).attempt("make durable a file in", path)?;
        let case_sensitive = !bench.has("PROBE");
        // The longest that a package may have, and letters that some file systems write in another way.
        let names = ["n".repeat(255), "\u{e9}\u{c5}-\u{1f4e6} x.exe".to_owned()];
        let kept = names.iter().all(|name| bench.create(name).is_ok());
        let listed = tree::entries(&bench.folder).attempt("list", path)?;
        let keeps_names = kept && names.iter().all(|name| listed.iter().any(|entry| entry.name == *name));
        let hard_links = self.disk.link(&file, bench.folder.as_fd(), "link").is_ok();
        let direct_reads = crate::place::can_read_directly(&*self.disk, bench.folder.as_fd(), "probe");
        self.disk.fsync(bench.folder.as_fd(), Kind::Folder).attempt("make durable a folder in", path)?;
        let kind = fstatfs(&self.root).attempt("ask for the kind of file system of", || self.path().to_owned())?.f_type;
        let network = NETWORK.iter().find(|(magic, _)| i64::from(*magic) == kind).map(|(_, name)| *name);
        Ok(Probes { case_sensitive, keeps_names, hard_links, direct_reads, network })
    }

    /// Tries whether files at `from` can get names here without being copied; leaves nothing. Equal device numbers would
    /// prove nothing: no link reaches over a bind mount.
    ///
    /// # Errors
    /// One of the two cannot be written.
    pub fn shares_data_with(&self, from: &Self) -> Result<Sharing, DiskError> {
        let here = Bench::new(self)?;
        let there = match Bench::new(from) {
            // No link is made of a file that may not change.
            Err(e) if e.errno() == Some(Errno::ROFS) => return Ok(Sharing::No),
            other => other?,
        };
        let source = there.create("probe").attempt("create a file in", || there.path())?;
        write::all(&*from.disk, &source, &[7; 8192]).attempt("write to", || there.path())?;
        if self.disk.link(&source, here.folder.as_fd(), "link").is_ok() {
            return Ok(Sharing::HardLinks);
        }
        let copy = here.create("copy").attempt("create a file in", || here.path())?;
        Ok(if self.disk.reflink(&source, &copy).is_ok() { Sharing::Reflinks } else { Sharing::No })
    }

    /// Tries how the bytes of a foreign file would come here; leaves nothing, and does not touch that file: whether a hard
    /// link reaches is told by the device alone.
    ///
    /// # Errors
    /// It cannot be opened, or this location cannot be written.
    pub fn would_take(&self, given: &Given) -> Result<Taken, DiskError> {
        let (file, stat) = given.open().attempt("open", || given.path())?;
        let here = rustix::fs::fstat(&self.root).attempt("look at", || self.path().to_owned())?;
        if given.wish() == TakeAs::Link && Access::of_file(&stat).is_fine() && stat.st_dev == here.st_dev {
            return Ok(Taken::Linked);
        }
        if given.wish() == TakeAs::Copy {
            return Ok(Taken::Copied);
        }
        let bench = Bench::new(self)?;
        let copy = bench.create("copy").attempt("create a file in", || bench.path())?;
        Ok(if self.disk.reflink(&file, &copy).is_ok() { Taken::Shared } else { Taken::Copied })
    }

    /// Writes `bytes` into a file in `.staging`, makes it durable, reads it back past the cache and removes it: how long
    /// that takes tells what a relocation to here will take.
    ///
    /// # Errors
    /// The disk failed, or gave back other bytes.
    pub fn measure(&self, bytes: &[u8]) -> Result<(), DiskError> {
        let bench = Bench::new(self)?;
        let path = || bench.path();
        let file = bench.create("measure").attempt("create a file in", path)?;
        write::all(&*self.disk, &file, bytes).attempt("write to", path)?;
        self.disk.fsync(file.as_fd(), Kind::File).attempt("make durable a file in", path)?;
        let found = crate::place::read_back(&*self.disk, bench.folder.as_fd(), "measure")
            .attempt("read back a file in", path)?;
        if found == patchwharf_trust::sha256(bytes) {
            Ok(())
        } else {
            Err(io::Error::other("it gave back other bytes than were written")).attempt("trust the disk of", path)
        }
    }
}
