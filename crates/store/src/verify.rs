//! Verifying: what is really on disk.

use std::fs::File;

use patchwharf_model::{
    FileName, PackageId, Sha256,
    package::{Manifest, ProofStamp},
};
use patchwharf_trust::PublicKey;

use crate::{DiskError, Location, ManifestError};

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
    /// It changed while it was read.
    Unsteady,
    /// A symbolic link in its place. Not followed.
    Link,
    /// A folder, pipe, device or mount point in its place.
    NotAFile,
    /// It cannot be read.
    Unreadable(DiskError),
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
    /// Hashes one file. Call it from as many threads as there are cores.
    #[must_use]
    pub fn verify_file(&self, package: PackageId, version: u64, file: &ToVerify) -> Finding {
        let _ = (package, version, file);
        unimplemented!()
    }

    /// Hashes the files of a version, checks its manifest and looks for foreign things.
    #[must_use]
    pub fn verify_version(
        &self,
        package: PackageId,
        version: u64,
        files: &[ToVerify],
        key: &PublicKey,
    ) -> VersionCheck {
        let _ = (package, version, files, key);
        unimplemented!()
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
        let _ = (package, version, name);
        unimplemented!()
    }

    /// Takes from others the right to write a file of ours, and says the stamp that holds from now on (when `proved`
    /// was still right before).
    ///
    /// # Errors
    /// When the disk fails, or the file is not ours.
    pub fn tighten(
        &self,
        package: PackageId,
        version: u64,
        name: &FileName,
        proved: &ProofStamp,
    ) -> Result<Option<ProofStamp>, DiskError> {
        let _ = (package, version, name, proved);
        unimplemented!()
    }
}
