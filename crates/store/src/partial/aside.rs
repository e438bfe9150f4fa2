//! The folder `.staging/<digest>/` of a file that is too long for the memory.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use patchwharf_trust::FileHasher;
use rustix::fs::FlockOperation;

use super::{
    Source,
    meta::{Meta, boot},
};
use crate::{DiskError, Location, disk::Kind, error::Attempt as _, folder, inode, layout, write};

/// So many bytes can be lost by a power cut; a killed server alone loses none.
const CHECKPOINT_BYTES: u64 = 32 * 1024 * 1024;
/// From so many bytes on it is noted where they came from, so that a killed server can go on.
const NOTE_BYTES: u64 = 256 * 1024;
/// The disk is asked to begin writing after each so many bytes.
const WRITEBACK_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Aside {
    location: Arc<Location>,
    name: String,
    pub(crate) folder: OwnedFd,
    pub(crate) data: File,
    /// The length of the whole file.
    size_bytes: u64,
    written: u64,
    durable: u64,
    writing_back: u64,
    noted: bool,
    /// Whether the folder's own name is durable.
    anchored: bool,
}

/// Somebody else has it.
#[derive(Debug)]
pub(super) struct Locked;

impl Aside {
    /// Opens or makes the folder, locks it against other processes, and says what is there already.
    pub(super) fn open(
        location: &Arc<Location>,
        name: &str,
        size_bytes: u64,
    ) -> Result<Result<(Self, Option<Source>), Locked>, DiskError> {
        let path = || location.path().join(layout::STAGING).join(name);
        let staging = location.staging.as_fd();
        let folder = match folder::folder(staging, name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                location.disk.mkdir(staging, name).attempt("create", path)?
            }
            other => other.attempt("open", path)?,
        };
        let data = match location.disk.create(folder.as_fd(), layout::PARTIAL_DATA) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                folder::file_for_writing(&folder, layout::PARTIAL_DATA).attempt("open the file in", path)?
            }
            Err(e) => {
                // Disk full, most likely: no empty folder is left behind.
                let _ = location.disk.rmdir(staging, name.as_ref());
                return Err(DiskError { attempt: "create a file in", path: path(), source: e });
            }
            Ok(data) => data,
        };
        match rustix::fs::flock(&data, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Err(Locked)),
            other => other.attempt("lock the file in", path)?,
        }
        let length = data.metadata().attempt("look at the file in", path)?.len();
        let meta = Meta::read(folder.as_fd());
        let have = match &meta {
            Some(meta) if !meta.boot.is_empty() && meta.boot == boot() => length,
            Some(meta) => meta.durable_bytes.min(length),
            // Perhaps a whole file that could not be placed; the caller looks at its digest.
            None if length == size_bytes => length,
            None => 0,
        };
        let aside = Self {
            location: Arc::clone(location),
            name: name.to_owned(),
            folder,
            data,
            size_bytes,
            written: have,
            durable: meta.as_ref().map_or(0, |meta| meta.durable_bytes.min(have)),
            writing_back: have,
            noted: false,
            anchored: false,
        };
        if have > 0 {
            // Whoever wrote it may have been killed after a failed fsync, which is reported only once.
            inode::forget_clean_pages(&aside.data);
        }
        if length != have {
            aside.location.disk.truncate(&aside.data, have).attempt("cut", path)?;
        }
        Ok(Ok((aside, meta.filter(|_| have > 0).map(|meta| meta.source))))
    }

    pub(super) fn have_bytes(&self) -> u64 {
        self.written
    }

    /// Hashes what is there and goes to its end.
    pub(super) fn rehash(&mut self, hasher: &mut FileHasher) -> Result<(), DiskError> {
        let at = self.data.seek(SeekFrom::Start(0)).and_then(|_| {
            io::copy(&mut (&self.data).take(self.written), hasher)?;
            self.data.seek(SeekFrom::Start(self.written))
        });
        at.map(|_| ()).attempt("read", || self.data_path())
    }

    /// Drops the bytes that are there.
    pub(super) fn restart(&mut self) -> Result<(), DiskError> {
        self.location.disk.truncate(&self.data, 0).attempt("cut", || self.data_path())?;
        self.data.seek(SeekFrom::Start(0)).attempt("rewind", || self.data_path())?;
        (self.written, self.durable, self.writing_back, self.noted) = (0, 0, 0, false);
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8], source: Option<&Source>) -> Result<(), DiskError> {
        write::all(&*self.location.disk, &self.data, bytes).attempt("write to", || self.data_path())?;
        self.written += bytes.len() as u64;
        if self.written - self.writing_back >= WRITEBACK_BYTES {
            inode::start_writeback(&self.data, self.writing_back);
            self.writing_back = self.written;
        }
        if self.written >= self.size_bytes {
            // Whole: it is placed next, and that makes it durable.
        } else if self.written - self.durable >= CHECKPOINT_BYTES {
            self.checkpoint(source)?;
        } else if !self.noted && self.written >= NOTE_BYTES {
            self.note(source)?;
        }
        Ok(())
    }

    /// Notes where the bytes came from; not durable by itself.
    pub(super) fn note(&mut self, source: Option<&Source>) -> Result<Option<File>, DiskError> {
        let Some(source) = source else { return Ok(None) };
        let meta = Meta { source: source.clone(), durable_bytes: self.durable, boot: boot() };
        let file = meta
            .write(&*self.location.disk, self.folder.as_fd())
            .attempt("write", || self.path().join(layout::PARTIAL_META))?;
        self.noted = true;
        Ok(Some(file))
    }

    /// Makes durable what is there, then notes that it is.
    fn checkpoint(&mut self, source: Option<&Source>) -> Result<(), DiskError> {
        let disk = Arc::clone(&self.location.disk);
        disk.fsync(self.data.as_fd(), Kind::File).attempt("make durable", || self.data_path())?;
        self.durable = self.written;
        if let Some(meta) = self.note(source)? {
            disk.fsync(meta.as_fd(), Kind::File).attempt("make durable", || self.path().join(layout::PARTIAL_META))?;
        }
        if !self.anchored {
            disk.fsync(self.folder.as_fd(), Kind::Folder).attempt("make durable", || self.path())?;
            disk.fsync(self.location.staging.as_fd(), Kind::Folder)
                .attempt("make durable", || self.location.path().join(layout::STAGING))?;
            self.anchored = true;
        }
        crate::fault::at(crate::fault::Step::StageAfterFsync).attempt("pass a test step at", || self.path())
    }

    /// Removes the folder; `data` may have been moved out already.
    pub(crate) fn remove(&self) -> Result<(), DiskError> {
        let disk = &*self.location.disk;
        for name in [layout::PARTIAL_DATA, layout::PARTIAL_META] {
            match disk.unlink(self.folder.as_fd(), name.as_ref()) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                other => other.attempt("remove", || self.path().join(name))?,
            }
        }
        disk.rmdir(self.location.staging.as_fd(), self.name.as_ref()).attempt("remove", || self.path())
    }

    fn path(&self) -> camino::Utf8PathBuf {
        self.location.path().join(layout::STAGING).join(&self.name)
    }

    pub(crate) fn data_path(&self) -> camino::Utf8PathBuf {
        self.path().join(layout::PARTIAL_DATA)
    }
}
