//! `.quarantine/<when>/<GUID>/...`: what was found bad, kept until its replacement is proved.

use camino::Utf8PathBuf;
use patchwharf_model::{PackageId, Timestamp};

use crate::{DiskError, Location};

/// Something in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Since when.
    pub since: Timestamp,
    /// The package, where it came from a package's folder.
    pub package: Option<PackageId>,
    /// Where it lies, relative to the location.
    pub path: Utf8PathBuf,
    /// Bytes of its files.
    pub size_bytes: u64,
}

impl Location {
    /// Sets a whole version aside. Open descriptors (running downloads) go on.
    ///
    /// # Errors
    /// When the disk fails; the version is then where it was.
    pub fn quarantine_version(
        &self,
        package: PackageId,
        version: u64,
        now: Timestamp,
    ) -> Result<Utf8PathBuf, DiskError> {
        let _ = (package, version, now);
        unimplemented!()
    }

    /// Sets one thing in a version's folder aside, whatever it is.
    ///
    /// # Errors
    /// When the disk fails; it is then where it was.
    pub fn quarantine_entry(
        &self,
        package: PackageId,
        version: u64,
        name: &str,
        now: Timestamp,
    ) -> Result<Utf8PathBuf, DiskError> {
        let _ = (package, version, name, now);
        unimplemented!()
    }

    /// What is in quarantine.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, DiskError> {
        unimplemented!()
    }

    /// Removes something from quarantine, for good.
    ///
    /// # Errors
    /// When the disk fails. Nothing there is no error.
    pub fn drop_quarantined(&self, item: &Quarantined) -> Result<(), DiskError> {
        let _ = item;
        unimplemented!()
    }
}
