//! Names in a package location (DESIGN.md "The package store on disk").

use std::str::FromStr as _;

use camino::Utf8PathBuf;
use patchwharf_model::{PackageId, update::VendorDigest};

/// The marker of a location.
pub const MARKER: &str = "location.json";
/// Files on their way, and versions that are being built.
pub const STAGING: &str = ".staging";
/// What was found bad.
pub const QUARANTINE: &str = ".quarantine";
/// The manifest of a version.
pub const MANIFEST: &str = "package.json";
/// The bytes of a file on its way.
pub const PARTIAL_DATA: &str = "data";
/// Beside it: URL, validator, fsynced length.
pub const PARTIAL_META: &str = "meta.json";
/// Folders in `.staging` in which versions are built begin with this.
pub const BUILD_PREFIX: &str = "build-";
/// Folders that a start makes to see whether renaming works begin with this.
pub(crate) const PROBE_PREFIX: &str = ".probe-";

/// The name of a version's folder in its package's folder.
pub(crate) fn version_name(version: u64) -> String {
    version.to_string()
}

/// The version that a folder's name means; only the one way of writing it counts.
pub(crate) fn version_of(name: &str) -> Option<u64> {
    name.parse().ok().filter(|v| version_name(*v) == name)
}

/// The package that a folder's name means; only the one way of writing it counts.
pub(crate) fn package_of(name: &str) -> Option<PackageId> {
    PackageId::from_str(name).ok().filter(|id| id.to_string() == name)
}

/// The folder of a file on its way, in `.staging`.
#[must_use]
pub fn partial_name(digest: &VendorDigest) -> String {
    match digest {
        VendorDigest::Sha256(digest) => digest.to_string(),
        VendorDigest::Sha1(digest) => digest.to_string(),
    }
}

/// `<GUID>/<version>`, relative to the location.
#[must_use]
pub fn version_path(package: PackageId, version: u64) -> Utf8PathBuf {
    Utf8PathBuf::from(package.to_string()).join(version_name(version))
}
