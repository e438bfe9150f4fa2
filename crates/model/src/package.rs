//! Update packages: states, manifests, proof stamps.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{BulletinId, FileName, PackageId, Sha256, Timestamp, UpdateId, update::VendorDigest};

/// The state of one version of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// Somebody asked for it; nothing is on disk yet.
    Wanted,
    /// Its files are being fetched.
    Staging,
    /// On disk, whole and proved.
    Staged,
    /// At least one file does not match its digest.
    Corrupt,
    /// At least one file, or the folder, is not there.
    Missing,
    /// The vendor could not be reached.
    Unreachable,
    /// The vendor serves other bytes than its catalogue names.
    VendorChanged,
    /// Replaced by a newer version; its files go after the grace period.
    Retired,
    /// Being removed.
    Deleting,
}

impl VersionState {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Wanted,
        Self::Staging,
        Self::Staged,
        Self::Corrupt,
        Self::Missing,
        Self::Unreachable,
        Self::VendorChanged,
        Self::Retired,
        Self::Deleting,
    ];

    /// The stable name used in API, database and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Staging => "staging",
            Self::Staged => "staged",
            Self::Corrupt => "corrupt",
            Self::Missing => "missing",
            Self::Unreachable => "unreachable",
            Self::VendorChanged => "vendor-changed",
            Self::Retired => "retired",
            Self::Deleting => "deleting",
        }
    }
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no state of a package version.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a state of a package version")]
pub struct BadState(String);

impl FromStr for VersionState {
    type Err = BadState;
    fn from_str(text: &str) -> Result<Self, BadState> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| BadState(text.to_owned()))
    }
}

/// `package.json`: what a version folder says of itself. Signed by the server's Ed25519 key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of this file; 1.
    pub format: u32,
    /// The package: also the name of the folder above.
    pub package: PackageId,
    /// The version: also the name of the folder.
    pub version: u64,
    /// The update whose files these are.
    pub update: UpdateId,
    /// The vendor's key of the update and the feed's name, so that a lost database can be made again.
    pub update_key: String,
    /// The feed's name.
    pub feed: String,
    /// The bulletin.
    pub bulletin: BulletinId,
    /// The bulletin's key in the feed.
    pub bulletin_key: String,
    /// When the version was staged.
    pub staged_at: Timestamp,
    /// The files, ordered by name.
    pub files: Vec<ManifestFile>,
}

/// One file of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Name in the folder.
    pub name: FileName,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Identity of its content.
    pub sha256: Sha256,
    /// What the vendor pins; SHA-1 only marks the package weak.
    pub vendor_digest: VendorDigest,
    /// The URL it came from; none for a file supplied by hand.
    pub source: Option<String>,
}

/// What the file system says of an inode whose bytes were hashed: as long as none of it changed without our doing,
/// the proof stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProofStamp {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub inode: u64,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Last change of content, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Last change of the inode, nanoseconds since 1970.
    pub ctime_ns: i64,
}
