//! Building one version aside: its folder, its files, its manifest.

mod given;

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::Arc,
};

use camino::Utf8PathBuf;
use patchwharf_model::{FileName, PackageId, Sha256, package::Manifest, package::ProofStamp};
use patchwharf_trust::{FileHasher, ManifestKey};
use rustix::io::Errno;

use super::{Content, Existing, NewVersion, PlaceError};
use crate::{
    DiskError, Location, SignedManifest, Verified,
    error::Attempt as _,
    folder,
    inode::Inode,
    layout,
    partial::{Body, SMALL_BYTES},
    stamp, stamps, write,
};

/// A version under its temporary name.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) package: PackageId,
    pub(super) version: u64,
    /// `.staging/build-…/<slot>`: becomes `<GUID>`, or is left when that exists.
    pub(super) package_folder: OwnedFd,
    /// `.staging/build-…/<slot>/<version>`.
    pub(super) folder: OwnedFd,
    pub(super) files: Vec<BuiltFile>,
    /// New files that must become durable, the manifest among them.
    pub(super) fresh: Vec<Arc<Inode>>,
    /// What must be read back from the disk before the version gets its name.
    pub(super) to_reread: Vec<ToReread>,
}

/// A file that must be read back from the disk.
#[derive(Clone, Debug)]
pub(super) struct ToReread {
    pub(super) name: String,
    pub(super) sha256: Sha256,
    /// One inode is read once, however many names it has.
    pub(super) inode: (u64, u64),
}

/// A file in it.
#[derive(Debug)]
pub(super) struct BuiltFile {
    pub(super) name: FileName,
    pub(super) sha256: Sha256,
    /// What was there when its bytes were hashed or written.
    pub(super) hashed: ProofStamp,
    pub(super) same_data: bool,
}

/// What putting one file gave.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) hashed: ProofStamp,
    pub(super) fresh: Option<Arc<Inode>>,
    pub(super) same_data: bool,
}

impl Built {
    /// Its folders, empty.
    pub(super) fn begin(
        location: &Location,
        build: BorrowedFd<'_>,
        slot: &str,
        package: PackageId,
        version: u64,
    ) -> Result<Self, DiskError> {
        let path = || location.path().join(layout::version_path(package, version));
        let package_folder = location.disk.mkdir(build, slot).attempt("build", path)?;
        let name = layout::version_name(version);
        let folder = location.disk.mkdir(package_folder.as_fd(), &name).attempt("build", path)?;
        let (files, fresh, to_reread) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { package, version, package_folder, folder, files, fresh, to_reread })
    }
}

/// Builds `new` in the folder `slot` of `build`.
pub(super) fn build(
    location: &Location,
    build: BorrowedFd<'_>,
    slot: &str,
    new: NewVersion,
    key: &ManifestKey,
) -> Result<Built, PlaceError> {
    let NewVersion { manifest, content } = new;
    let (package, version) = (manifest.package, manifest.version);
    agree(&manifest, &content)?;
    let path = || location.path().join(layout::version_path(package, version));
    let mut built = Built::begin(location, build, slot, package, version)?;
    for (file, content) in manifest.files.iter().zip(content) {
        let at = Target {
            location,
            folder: built.folder.as_fd(),
            name: file.name.as_str(),
            path: path().join(file.name.as_str()),
        };
        let put = match content {
            Content::Fetched(verified) => at.fetched(&verified)?,
            Content::Existing(existing) => at.existing(&existing)?,
            Content::Given(given) => at.given(&given)?,
        };
        built.fresh.extend(put.fresh);
        built.files.push(BuiltFile {
            name: file.name.clone(),
            sha256: file.sha256,
            hashed: put.hashed,
            same_data: put.same_data,
        });
    }
    let json = |source| PlaceError::Manifest { package, version, source };
    let text = SignedManifest::new(&manifest, key).and_then(|signed| signed.to_bytes()).map_err(json)?;
    let at =
        Target { location, folder: built.folder.as_fd(), name: layout::MANIFEST, path: path().join(layout::MANIFEST) };
    built.fresh.extend(at.bytes(&text)?.fresh);
    location.seals.put(patchwharf_trust::sha256(&text));
    Ok(built)
}

/// Whether the manifest tells what the files are: a row or a signature for other bytes must never come to be.
fn agree(manifest: &Manifest, content: &[Content]) -> Result<(), PlaceError> {
    let disagrees =
        |reason: String| Err(PlaceError::Disagrees { package: manifest.package, version: manifest.version, reason });
    if manifest.files.len() != content.len() {
        return disagrees(format!("it names {} files, {} were given", manifest.files.len(), content.len()));
    }
    if !manifest.files.is_sorted_by(|a, b| a.name < b.name) {
        return disagrees("its files are not ordered by name, each once".to_owned());
    }
    for (file, content) in manifest.files.iter().zip(content) {
        let (sha256, size_bytes) = match content {
            Content::Fetched(verified) => (verified.digests().sha256, verified.digests().size_bytes),
            Content::Existing(existing) => (existing.sha256, existing.stamp.size_bytes),
            Content::Given(given) => (given.digests().sha256, given.digests().size_bytes),
        };
        if sha256 != file.sha256 || size_bytes != file.size_bytes {
            return disagrees(format!(
                "{} is {size_bytes} bytes with SHA-256 {sha256}, the manifest says {} bytes with {}",
                file.name, file.size_bytes, file.sha256
            ));
        }
    }
    Ok(())
}

/// Where a file goes.
pub(super) struct Target<'a> {
    pub(super) location: &'a Location,
    pub(super) folder: BorrowedFd<'a>,
    pub(super) name: &'a str,
    pub(super) path: Utf8PathBuf,
}

impl Target<'_> {
    /// A new file with these bytes.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<Put, DiskError> {
        let path = || self.path.clone();
        let file = self.location.disk.create(self.folder, self.name).attempt("create", path)?;
        write::all(&*self.location.disk, &file, bytes).attempt("write to", path)?;
        self.fresh(file, false)
    }

    pub(super) fn fresh(&self, file: File, same_data: bool) -> Result<Put, DiskError> {
        let inode = Inode::new(file);
        let hashed = inode.stamp().attempt("look at", || self.path.clone())?;
        // A small file goes out as a whole when it is synced, a moment from now.
        if hashed.size_bytes > SMALL_BYTES {
            inode.start_writeback();
        }
        Ok(Put { hashed, fresh: Some(Arc::new(inode)), same_data })
    }

    /// A finished download: moved here by the first that wants it, linked by the others.
    fn fetched(&self, verified: &Verified) -> Result<Put, PlaceError> {
        let mut body = verified.body();
        let put = match std::mem::replace(&mut *body, Body::Spent) {
            Body::Memory { bytes, _slot } => self.bytes(&bytes)?,
            Body::Aside { aside, hashed, _slot } => self.moved(*aside, hashed)?,
            Body::Placed(inode) if inode.is_lost() => return Err(self.spent()),
            Body::Placed(inode) => {
                // Whatever happens to this name, others can still be given.
                *body = Body::Placed(Arc::clone(&inode));
                let put = match self.linked(inode.file(), None, &verified.digests().sha256) {
                    // Its last name went with a placing that failed; its bytes are still there.
                    Err(PlaceError::Disk(e)) if e.is_missing() => {
                        self.copied(inode.file(), &verified.digests().sha256)?
                    }
                    other => other?,
                };
                // The first one's fsync may still be to come, or be another batch's: this version waits for it too.
                Put { fresh: Some(put.fresh.unwrap_or(inode)), ..put }
            }
            Body::Spent => return Err(self.spent()),
        };
        if let Some(inode) = &put.fresh {
            *body = Body::Placed(Arc::clone(inode));
        }
        Ok(put)
    }

    fn spent(&self) -> PlaceError {
        PlaceError::Spent { path: self.path.clone() }
    }

    /// Moves a download out of `.staging`; the inode that was hashed is the one that gets the name.
    fn moved(&self, aside: crate::partial::Aside, hashed: ProofStamp) -> Result<Put, PlaceError> {
        let path = || self.path.clone();
        self.location
            .disk
            .rename(aside.folder.as_fd(), layout::PARTIAL_DATA.as_ref(), self.folder, self.name)
            .attempt("move a download to", path)?;
        if !crate::partial::is_same(self.folder, self.name, &aside.data, &hashed).attempt("look at", path)? {
            return Err(PlaceError::Exchanged { path: path() });
        }
        aside.remove()?;
        Ok(Put { hashed, fresh: Some(Arc::new(Inode::new(aside.data))), same_data: false })
    }

    /// A file of another version.
    pub(super) fn existing(&self, existing: &Existing) -> Result<Put, PlaceError> {
        let path = || {
            let folder = layout::version_path(existing.package, existing.version);
            self.location.path().join(folder).join(existing.name.as_str())
        };
        let folder = self.location.version_folder(existing.package, existing.version);
        let file = match folder.and_then(|folder| folder::file(folder, existing.name.as_str())) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(PlaceError::Unproved { path: path() }),
            other => other.attempt("open", path)?,
        };
        match self.linked(&file, Some(&existing.stamp), &existing.sha256) {
            Err(PlaceError::Exchanged { .. }) => Err(PlaceError::Unproved { path: path() }),
            other => other,
        }
    }

    /// One more name for an inode; a copy where it cannot have one. `proved`: the stamp that it must still have.
    pub(super) fn linked(&self, file: &File, proved: Option<&ProofStamp>, sha256: &Sha256) -> Result<Put, PlaceError> {
        let path = || self.path.clone();
        let entry = self.location.stamps.entry(&stamp::of(file).attempt("look at", path)?);
        let mut inode = stamps::held(&entry);
        let before = stamp::of(file).attempt("look at", path)?;
        if proved.is_some_and(|proved| !inode.leads(proved, &before)) {
            return Err(PlaceError::Exchanged { path: path() });
        }
        let link = self.location.disk.link(file, self.folder, self.name);
        let cannot = |e: &io::Error| {
            matches!(Errno::from_io_error(e), Some(Errno::MLINK | Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP))
        };
        match link {
            Err(e) if cannot(&e) => {
                drop(inode);
                return self.copied(file, sha256);
            }
            other => other.attempt("link a file to", path)?,
        }
        let after = stamp::of(file).attempt("look at", path)?;
        inode.moved(before, after);
        Ok(Put { hashed: after, fresh: None, same_data: true })
    }

    /// A copy: shares the blocks where the file system can; its bytes are hashed on the way or afterwards.
    fn copied(&self, file: &File, sha256: &Sha256) -> Result<Put, PlaceError> {
        self.copy_of(file, sha256, true)
    }

    /// The same; `share`: blocks may be shared.
    fn copy_of(&self, file: &File, sha256: &Sha256, share: bool) -> Result<Put, PlaceError> {
        let path = || self.path.clone();
        let disk = &*self.location.disk;
        let copy = disk.create(self.folder, self.name).attempt("create", path)?;
        let same_data = share && disk.reflink(file, &copy).is_ok();
        let (mut hasher, mut block, mut at) = (FileHasher::new(), vec![0; 256 * 1024], 0);
        loop {
            let n = rustix::io::pread(if same_data { &copy } else { file }, &mut block, at).attempt("copy to", path)?;
            if n == 0 {
                break;
            }
            hasher.update(&block[..n]);
            if !same_data {
                write::all(disk, &copy, &block[..n]).attempt("write to", path)?;
            }
            at += n as u64;
        }
        if hasher.finish().sha256 != *sha256 {
            return Err(PlaceError::Exchanged { path: path() });
        }
        Ok(self.fresh(copy, same_data)?)
    }
}
