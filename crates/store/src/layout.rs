//! Names in a package location (DESIGN.md "The package store on disk").

use std::str::FromStr as _;

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{PackageId, update::VendorDigest};

/// The marker of a location.
pub const MARKER: &str = "location.json";
/// The marker that a location had before it was taken over: with the deployment's id at its end.
pub(crate) const OLD_MARKER_PREFIX: &str = "location.json.of-";
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

/// The package, and the version, whose place a path relative to the location is.
#[must_use]
pub fn place_of(path: &Utf8Path) -> Option<(PackageId, Option<u64>)> {
    let mut components = path.components().map(|component| component.as_str());
    let package = package_of(components.next()?)?;
    match (components.next(), components.next()) {
        (None, _) => Some((package, None)),
        (Some(version), None) => Some((package, Some(version_of(version)?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_way_of_writing_a_place_counts() {
        let id = PackageId::new();
        let place = |path: String| place_of(Utf8Path::new(&path));
        assert_eq!(place(format!("{id}")), Some((id, None)));
        assert_eq!(place(format!("{id}/7")), Some((id, Some(7))));
        for other in [format!("{id}/07"), format!("{id}/7/file"), id.to_string().to_uppercase(), String::new()] {
            assert_eq!(place(other.clone()), None, "{other}");
        }
    }
}
