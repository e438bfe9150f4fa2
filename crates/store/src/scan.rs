//! Walking a location: for start-up reconciliation and `store reconcile`.

use std::ops::ControlFlow;

use camino::Utf8PathBuf;
use patchwharf_model::PackageId;

use crate::{DiskError, Location};

/// Something in a location.
#[derive(Debug)]
pub enum Found {
    /// A version's folder.
    Version {
        /// The package.
        package: PackageId,
        /// The version.
        version: u64,
    },
    /// A package's folder without any version.
    EmptyPackage {
        /// The package.
        package: PackageId,
    },
    /// Something in `.staging`.
    Staging {
        /// Its name there.
        name: String,
        /// What it is.
        kind: StagingKind,
        /// Bytes of its files.
        size_bytes: u64,
    },
    /// Something that is not ours. Never touched.
    Foreign {
        /// Where, relative to the location.
        path: Utf8PathBuf,
    },
    /// Something that cannot be looked at.
    Unreadable(DiskError),
}

/// What lies in `.staging`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagingKind {
    /// A file on its way; its name is its vendor digest.
    Partial,
    /// Versions that were being built when the server died.
    Build,
    /// Anything else.
    Foreign,
}

impl Location {
    /// Walks the location, not reading any package file. `visit` may break off.
    ///
    /// # Errors
    /// When the root cannot be read.
    pub fn scan(&self, visit: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), DiskError> {
        let _ = visit;
        unimplemented!()
    }

    /// Clears `.staging` of builds that a crash left and of files on their way that `wanted` (given their digest in
    /// hexadecimal) does not know; says what went. Things in use by this process stay.
    ///
    /// # Errors
    /// When `.staging` cannot be read. What cannot be removed is left and logged.
    pub fn clear_staging(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DiskError> {
        let _ = wanted;
        unimplemented!()
    }

    /// Removes a package's folder if nothing is in it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remove_empty_package(&self, package: PackageId) -> Result<bool, DiskError> {
        let _ = package;
        unimplemented!()
    }
}
