//! Verifying: what is really on disk.

mod access;
mod hash;
mod look;
mod open;

use std::{fs::File, io, os::fd::BorrowedFd};

pub use access::{Access, FolderAccess};
use camino::Utf8PathBuf;
pub use hash::{Freely, Hashed, Meter};
pub(crate) use look::at_folder;
pub use look::{Closeness, FileLook};
pub use open::{OpenVersion, agrees};
use patchwharf_model::{
    FileName, PackageId, Sha256,
    package::{Manifest, ProofStamp},
};

use crate::{DiskError, Location, ManifestError, Signers, error::Attempt as _, folder, layout, stamp};

/// What a file must be.
#[derive(Clone, Debug)]
pub struct ToVerify {
    /// Its name.
    pub name: FileName,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its content.
    pub sha256: Sha256,
}

/// What was found at a file's place.
#[derive(Debug)]
pub enum Finding {
    /// Its bytes were hashed and are right.
    Good {
        /// The proof's stamp.
        stamp: ProofStamp,
    },
    /// Its bytes are right, but owner or mode let others change it: close it with [`Location::tighten`].
    Open {
        /// The proof's stamp.
        stamp: ProofStamp,
        /// Its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
    /// There is nothing of that name (or no folder).
    Missing,
    /// It is shorter.
    Truncated {
        /// Bytes that must be there.
        expected: u64,
        /// Bytes that are.
        found: u64,
        /// Digest of what is there, where it can be read.
        sha256: Option<Sha256>,
    },
    /// It is longer.
    TooLong {
        /// Bytes that must be there.
        expected: u64,
        /// Bytes that are.
        found: u64,
    },
    /// Right length, wrong bytes (read twice, the second time past the cache).
    Changed {
        /// What must be there.
        expected: Sha256,
        /// What is.
        found: Sha256,
    },
    /// Right length, but not the stamp of its proof: its bytes are to be hashed.
    Unproved {
        /// Its stamp.
        stamp: ProofStamp,
    },
    /// It changed while it was read.
    Unsteady,
    /// A symbolic link in its place. Not followed.
    Link,
    /// A folder, pipe, device or mount point in its place.
    NotAFile,
    /// It cannot be read.
    Unreadable(DiskError),
}

impl Finding {
    /// Whether nothing was found out, for this process or its machine ran short of something.
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        matches!(self, Self::Unreadable(error) if error.is_shortage())
    }
}

/// One file of a version and what was found.
#[derive(Debug)]
pub struct FileCheck {
    /// Its name.
    pub name: FileName,
    /// What was found.
    pub finding: Finding,
}

/// A version and what was found.
#[derive(Debug)]
pub struct VersionCheck {
    /// The expected files, in order.
    pub files: Vec<FileCheck>,
    /// The manifest, or what is wrong with it.
    pub manifest: Result<Manifest, ManifestError>,
    /// Names in the folder that nobody expects there: quarantine them.
    pub extra: Vec<String>,
}

impl Location {
    /// Hashes one file as it is on disk, past the cache. Call it from as many threads as there are cores.
    #[must_use]
    pub fn verify_file(&self, package: PackageId, version: u64, file: &ToVerify) -> Finding {
        match self.open_version(package, version) {
            Err(finding) => finding,
            Ok(open) => verdict(&open, file),
        }
    }

    /// Hashes the files of a version, checks its manifest and looks for foreign things.
    #[must_use]
    pub fn verify_version(
        &self,
        package: PackageId,
        version: u64,
        files: &[ToVerify],
        keys: &impl Signers,
    ) -> VersionCheck {
        let path = self.path().join(layout::version_path(package, version));
        let check = |file: &ToVerify, finding| FileCheck { name: file.name.clone(), finding };
        match self.open_version(package, version) {
            Err(_) => VersionCheck {
                files: files.iter().map(|file| check(file, self.verify_file(package, version, file))).collect(),
                manifest: Err(ManifestError::Missing { path: path.join(layout::MANIFEST) }),
                extra: Vec::new(),
            },
            Ok(open) => VersionCheck {
                files: files.iter().map(|file| check(file, verdict(&open, file))).collect(),
                manifest: open.manifest(keys).and_then(|told| agrees(&told, files, &path).map(|()| told)),
                extra: open.extra(files).unwrap_or_else(|error| {
                    tracing::warn!(error = %error, "a version's folder cannot be listed");
                    Vec::new()
                }),
            },
        }
    }

    /// Opens a file for serving, without hashing: compare its stamp with the proof by [`crate::stamps::Stamps::stands`].
    ///
    /// # Errors
    /// When it is not there, is a link or no file, or cannot be opened.
    pub fn open_file(
        &self,
        package: PackageId,
        version: u64,
        name: &FileName,
    ) -> Result<(File, ProofStamp), DiskError> {
        let path = || self.path().join(layout::version_path(package, version)).join(name.as_str());
        let folder = self.version_folder(package, version).attempt("open", path)?;
        let file = folder::file(folder, name.as_str()).attempt("open", path)?;
        if !file.metadata().attempt("look at", path)?.is_file() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput)).attempt("serve, for it is not a file,", path);
        }
        let stamp = stamp::of(&file).attempt("look at", path)?;
        Ok((file, stamp))
    }
}

/// Every byte of a file, from the disk, with owner and mode.
fn verdict(open: &OpenVersion<'_>, file: &ToVerify) -> Finding {
    in_words(open.file(file, &Closeness::DISK))
}

/// The same of a file in a version's folder that is open already.
pub(crate) fn at_file(
    location: &Location,
    folder: BorrowedFd<'_>,
    file: &ToVerify,
    path: impl Fn() -> Utf8PathBuf,
) -> Finding {
    in_words(look::at_file(location, folder, file, &Closeness::DISK, path))
}

fn in_words(look: Option<FileLook>) -> Finding {
    match look {
        None => Finding::Unsteady,
        Some(FileLook { finding: Finding::Good { stamp }, access: Access::Open { owner, mode }, .. }) => {
            Finding::Open { stamp, owner, mode }
        }
        Some(look) => look.finding,
    }
}
