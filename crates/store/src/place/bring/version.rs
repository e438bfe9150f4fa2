//! One version on its way from another location.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
};

use camino::Utf8PathBuf;
use patchwharf_model::{Sha256, package::ProofStamp};
use patchwharf_trust::{FileHasher, sha256};
use rustix::{fs::FileType, io::Errno};

use super::{Incoming, IncomingFile, Watch, Way};
use crate::{
    DiskError, FileCheck, Finding, Location, ManifestError, Signers,
    error::Attempt as _,
    folder,
    inode::{self, Inode},
    layout, manifest,
    place::{
        PlaceError,
        batch::Building,
        build::{Built, BuiltFile, Put, Target, ToReread},
    },
    stamp, stamps,
    verify::{self, agrees},
    write,
};

const BLOCK_BYTES: usize = 512 * 1024;
/// The disk is asked to begin writing after each so many bytes.
const WRITEBACK_BYTES: u64 = 8 << 20;

/// The first copy of a content; whoever needs it too waits for it here.
type Once = Arc<Mutex<Option<Arc<Inode>>>>;

/// What all versions of a batch share.
pub(super) struct Over<'a> {
    pub(super) to: &'a Location,
    pub(super) from: &'a Location,
    pub(super) way: Way,
    pub(super) keys: &'a (dyn Signers + Sync),
    pub(super) watch: Watch<'a>,
    /// Contents of this batch that were copied already.
    pub(super) copied: Mutex<HashMap<Sha256, Once>>,
}

/// What became of a file at the old place.
enum Read<T> {
    Good(T),
    /// It is not what it must be.
    Bad(Finding),
}

impl Over<'_> {
    /// Builds a version in the folder `slot` of `build`.
    pub(super) fn build(&self, build: BorrowedFd<'_>, slot: &str, incoming: &Incoming) -> Building {
        let source = self.from.path().join(layout::version_path(incoming.package, incoming.version));
        if (self.watch.stopped)() {
            return Err(PlaceError::Stopped { path: source });
        }
        let original = match self.from.version_folder(incoming.package, incoming.version) {
            Ok(folder) => folder,
            Err(e) => return Err(all_bad(incoming, &e, source)),
        };
        let (file, text) = self.manifest(&original, incoming, &source)?;
        let mut built = Built::begin(self.to, build, slot, incoming.package, incoming.version)?;
        let mut bad = Vec::new();
        for one in &incoming.files {
            let at = self.target(built.folder.as_fd(), incoming, one.file.name.as_str());
            match self.file(&original, one, &at, &source)? {
                Read::Good(put) => take(&mut built, one, put, self.way),
                Read::Bad(finding) => bad.push(FileCheck { name: one.file.name.clone(), finding }),
            }
        }
        if !bad.is_empty() {
            return Err(PlaceError::Original { path: source, bad, manifest: None });
        }
        let at = self.target(built.folder.as_fd(), incoming, layout::MANIFEST);
        let linked = match self.way {
            Way::SameData => self.link(&file, &at)?,
            Way::Copy => None,
        };
        if linked.is_none() {
            let put = at.bytes(&text)?;
            let inode = (put.hashed.dev, put.hashed.inode);
            let name = layout::MANIFEST.to_owned();
            built.to_reread.push(ToReread { name, sha256: sha256(&text), inode });
            built.fresh.extend(put.fresh);
        }
        Ok(built)
    }

    fn target<'t>(&'t self, folder: BorrowedFd<'t>, incoming: &Incoming, name: &'t str) -> Target<'t> {
        let path = self.to.path().join(layout::version_path(incoming.package, incoming.version)).join(name);
        Target { location: self.to, folder, name, path }
    }

    /// The manifest at the old place: believed by its signature, and only when it tells the same as the rows.
    fn manifest(
        &self,
        original: &OwnedFd,
        incoming: &Incoming,
        source: &Utf8PathBuf,
    ) -> Result<(File, Vec<u8>), PlaceError> {
        let (package, version) = (incoming.package, incoming.version);
        let path = || source.join(layout::MANIFEST);
        let files: Vec<_> = incoming.files.iter().map(|one| one.file.clone()).collect();
        manifest::text(original, path)
            .and_then(|(file, text)| {
                let read = manifest::understood(self.from, &text, package, version, self.keys, path)?;
                agrees(&read, &files, source)?;
                Ok((file, text))
            })
            .map_err(|wrong: ManifestError| {
                let (path, bad) = (source.clone(), Vec::new());
                PlaceError::Original { path, bad, manifest: Some(Box::new(wrong)) }
            })
    }

    fn file(
        &self,
        original: &OwnedFd,
        one: &IncomingFile,
        at: &Target<'_>,
        source: &Utf8PathBuf,
    ) -> Result<Read<Put>, PlaceError> {
        let path = || source.join(one.file.name.as_str());
        let (file, found) = match self.open(original, one, path) {
            Read::Good(opened) => opened,
            Read::Bad(finding) => return Ok(Read::Bad(finding)),
        };
        // A link of what lies at the old place would be no copy of it.
        let own = (found.dev, found.inode);
        if let Some(known) = one.known.as_ref().filter(|known| (known.stamp.dev, known.stamp.inode) != own) {
            // A link that was wanted from a file that has changed since is a copy.
            match at.existing(known) {
                Err(PlaceError::Unproved { .. }) => {}
                other => {
                    (self.watch.bytes)(one.file.size_bytes);
                    return Ok(Read::Good(other?));
                }
            }
        }
        match self.way {
            Way::SameData => self.same_data(original, one, &file, &found, at, path),
            Way::Copy => self.copy_once(original, one, &file, at, path),
        }
    }

    /// Opens a file at the old place; a regular file of the right length, or what it is instead.
    fn open(&self, original: &OwnedFd, one: &IncomingFile, path: impl Fn() -> Utf8PathBuf) -> Read<(File, ProofStamp)> {
        let opened = folder::file(original, one.file.name.as_str())
            .and_then(|file| rustix::fs::fstat(&file).map(|stat| (file, stat)).map_err(io::Error::from));
        match opened {
            Ok((file, stat))
                if FileType::from_raw_mode(stat.st_mode).is_file()
                    && stamp::from_stat(&stat).size_bytes == one.file.size_bytes =>
            {
                Read::Good((file, stamp::from_stat(&stat)))
            }
            // Its verdict in the words of verification.
            _ => match verify::at_file(self.from, original.as_fd(), &one.file, path) {
                Finding::Good { .. } | Finding::Open { .. } => Read::Bad(Finding::Unsteady),
                bad => Read::Bad(bad),
            },
        }
    }

    /// Copies a content once for the batch; who needs it too gets a link to the copy.
    fn copy_once(
        &self,
        original: &OwnedFd,
        one: &IncomingFile,
        file: &File,
        at: &Target<'_>,
        path: impl Fn() -> Utf8PathBuf + Copy,
    ) -> Result<Read<Put>, PlaceError> {
        let once = {
            let mut copied = self.copied.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(copied.entry(one.file.sha256).or_default())
        };
        let mut first = once.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inode) = first.as_ref().filter(|inode| !inode.is_lost()) {
            match at.linked(inode.file(), None, &one.file.sha256) {
                // Its last name went with a version that failed: there is nothing to link any more.
                Err(PlaceError::Disk(e)) if e.is_missing() => {}
                other => {
                    let put = other?;
                    (self.watch.bytes)(one.file.size_bytes);
                    return Ok(Read::Good(Put { fresh: Some(put.fresh.unwrap_or_else(|| Arc::clone(inode))), ..put }));
                }
            }
        }
        // A wrong digest is read once more before it is believed: memory and cables err too.
        for _ in 0..2 {
            if let Some(put) = self.copy(one, file, at, path)? {
                *first = put.fresh.clone();
                return Ok(Read::Good(put));
            }
            match verify::at_file(self.from, original.as_fd(), &one.file, path) {
                Finding::Good { .. } | Finding::Open { .. } => {
                    self.to.disk.unlink(at.folder, at.name.as_ref()).attempt("remove", || at.path.clone())?;
                }
                bad => return Ok(Read::Bad(bad)),
            }
        }
        Ok(Read::Bad(Finding::Unsteady))
    }

    /// Copies a file's bytes, hashed on the way. None: they are not what they must be, or changed meanwhile.
    fn copy(
        &self,
        one: &IncomingFile,
        file: &File,
        at: &Target<'_>,
        path: impl Fn() -> Utf8PathBuf,
    ) -> Result<Option<Put>, PlaceError> {
        let disk = &*self.to.disk;
        let copy = disk.create(at.folder, at.name).attempt("create", || at.path.clone())?;
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
        let (mut hasher, mut block, mut offset, mut writing_back) = (FileHasher::new(), block(one), 0, 0);
        loop {
            if (self.watch.stopped)() {
                return Err(PlaceError::Stopped { path: path() });
            }
            let n = match self.from.disk.read_at(file, &mut block, offset) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                // The old disk: the look at it that follows tells what is wrong.
                Err(_) => return Ok(None),
            };
            hasher.update(&block[..n]);
            write::all(disk, &copy, &block[..n]).attempt("write to", || at.path.clone())?;
            offset += n as u64;
            (self.watch.bytes)(n as u64);
            if offset - writing_back >= WRITEBACK_BYTES {
                inode::start_writeback(&copy, writing_back);
                writing_back = offset;
            }
        }
        let digests = hasher.finish();
        if digests.size_bytes != one.file.size_bytes || digests.sha256 != one.file.sha256 {
            return Ok(None);
        }
        Ok(Some(at.fresh(copy, false)?))
    }

    /// Gives the bytes at the old place one more name here. What has no standing proof is hashed first.
    fn same_data(
        &self,
        original: &OwnedFd,
        one: &IncomingFile,
        file: &File,
        found: &ProofStamp,
        at: &Target<'_>,
        path: impl Fn() -> Utf8PathBuf + Copy,
    ) -> Result<Read<Put>, PlaceError> {
        let stands = one.proof.is_some_and(|proved| self.from.stamps.stands(&proved, found));
        if !stands {
            match verify::at_file(self.from, original.as_fd(), &one.file, path) {
                Finding::Good { stamp } if stamp::same_content(&stamp, found) => {}
                Finding::Good { .. } => return Ok(Read::Bad(Finding::Unsteady)),
                bad => return Ok(Read::Bad(bad)),
            }
        }
        let put = match self.link(file, at)? {
            Some(stamp) => Put { hashed: stamp, fresh: None, same_data: true },
            None => {
                let disk = &*self.to.disk;
                let copy = disk.create(at.folder, at.name).attempt("create", || at.path.clone())?;
                if disk.reflink(file, &copy).is_err() {
                    return Err(PlaceError::CannotLink { path: path() });
                }
                at.fresh(copy, true)?
            }
        };
        (self.watch.bytes)(one.file.size_bytes);
        Ok(Read::Good(put))
    }

    /// One more name for an inode of the old place, and its stamp from then on. None: hard links do not reach there.
    fn link(&self, file: &File, at: &Target<'_>) -> Result<Option<ProofStamp>, DiskError> {
        let path = || at.path.clone();
        let entry = self.from.stamps.entry(&stamp::of(file).attempt("look at", path)?);
        let mut history = stamps::held(&entry);
        let before = stamp::of(file).attempt("look at", path)?;
        let cannot = [Errno::XDEV, Errno::MLINK, Errno::PERM, Errno::OPNOTSUPP, Errno::ROFS];
        match self.to.disk.link(file, at.folder, at.name) {
            Err(e) if Errno::from_io_error(&e).is_some_and(|errno| cannot.contains(&errno)) => return Ok(None),
            other => other.attempt("link a file to", path)?,
        }
        let after = stamp::of(file).attempt("look at", path)?;
        history.moved(before, after);
        Ok(Some(after))
    }
}

/// Notes a file that was put.
fn take(built: &mut Built, one: &IncomingFile, put: Put, way: Way) {
    let linked_over = way == Way::SameData && put.fresh.is_none() && one.known.is_none();
    if !linked_over {
        let inode = (put.hashed.dev, put.hashed.inode);
        let name = one.file.name.to_string();
        built.to_reread.push(ToReread { name, sha256: one.file.sha256, inode });
    }
    built.fresh.extend(put.fresh);
    built.files.push(BuiltFile {
        name: one.file.name.clone(),
        sha256: one.file.sha256,
        hashed: put.hashed,
        same_data: put.same_data,
    });
}

/// A buffer no longer than the file needs.
fn block(one: &IncomingFile) -> Vec<u8> {
    let length = usize::try_from(one.file.size_bytes).unwrap_or(BLOCK_BYTES).clamp(1, BLOCK_BYTES);
    vec![0; length]
}

/// What it means that the version's folder cannot be opened.
fn all_bad(incoming: &Incoming, error: &io::Error, path: Utf8PathBuf) -> PlaceError {
    let again = || io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO));
    let bad = incoming
        .files
        .iter()
        .map(|one| FileCheck { name: one.file.name.clone(), finding: verify::at_folder(again(), path.clone()) });
    PlaceError::Original { bad: bad.collect(), path, manifest: None }
}
