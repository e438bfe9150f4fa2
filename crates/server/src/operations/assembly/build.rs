//! What is to be made: versions and where the bytes of each of their files come from.

use std::sync::Arc;

use patchwharf_db::{
    packages::{Replaces, StagedFile},
    updates::Update,
};
use patchwharf_model::{
    LocationId, PackageId, Sha256, Timestamp,
    package::ProofStamp,
    update::{PayloadFile, VendorDigest},
};

/// A version to be made.
#[derive(Debug)]
pub(crate) struct Build {
    /// Its update.
    pub(crate) update: Arc<Update>,
    /// Its package.
    pub(crate) package: PackageId,
    /// The package's fencing token, held by this job.
    pub(crate) token: i64,
    /// Its number; 0 until the database gave one.
    pub(crate) version: u64,
    /// Where its folder will be.
    pub(crate) location: LocationId,
    /// The version that is served until this one takes its place.
    pub(crate) from: Option<Current>,
    /// Complete refresh and recreate: the package whose place this one takes.
    pub(crate) replaces: Option<Replaces>,
    /// Its files.
    pub(crate) files: Vec<BuildFile>,
    /// How often it was tried before.
    pub(crate) attempts: u32,
    /// Whether an earlier attempt began it.
    pub(crate) resumed: bool,
    /// Its files with their proofs where its folder is in place already: a crash came between place and commit.
    pub(crate) in_place: Option<Vec<StagedFile>>,
}

/// The version that a build takes the place of.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    /// Its package.
    pub(crate) package: PackageId,
    /// Its number.
    pub(crate) version: u64,
    /// That package's fencing token.
    pub(crate) token: i64,
    /// Where it is.
    pub(crate) location: LocationId,
    /// What was found bad in it.
    pub(crate) bad: Vec<BadFile>,
    /// Whether nothing of it is on disk any more.
    pub(crate) gone: bool,
    /// Whether the vendor has revised the update since.
    pub(crate) revised: bool,
    /// Why its manifest is not what it must be.
    pub(crate) distrust: Option<String>,
}

/// A file that was found bad.
#[derive(Clone, Debug)]
pub(crate) struct BadFile {
    /// Its name.
    pub(crate) name: String,
    /// Whether something lies there (else it is missing).
    pub(crate) on_disk: bool,
    /// Expected and found digest, or the error.
    pub(crate) reason: String,
}

/// A file of a version to be made.
#[derive(Debug)]
pub(crate) struct BuildFile {
    /// As the catalogue describes it.
    pub(crate) file: PayloadFile,
    /// Its SHA-256 where it is known: from the vendor, or pinned at the first download.
    pub(crate) sha256: Option<Sha256>,
    /// Where its bytes come from.
    pub(crate) origin: Origin,
}

/// Where the bytes of a file come from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// From the vendor.
    Fetch,
    /// From a file of a version on disk, proved: linked.
    Link(Linked),
    /// From a person: no URL is known.
    ByHand,
}

/// A proved file on disk.
#[derive(Clone, Debug)]
pub(crate) struct Linked {
    /// Its package.
    pub(crate) package: PackageId,
    /// Its version.
    pub(crate) version: u64,
    /// Its name there.
    pub(crate) name: String,
    /// Its content.
    pub(crate) sha256: Sha256,
    /// The stamp of the proof.
    pub(crate) stamp: ProofStamp,
    /// When its bytes were hashed.
    pub(crate) verified_at: Timestamp,
}

/// The identity of a file's bytes as far as the vendor pins them: what is fetched once however many need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ContentKey {
    /// Length.
    pub(crate) size_bytes: u64,
    /// Digest.
    pub(crate) digest: VendorDigest,
}

impl BuildFile {
    /// The identity of its bytes.
    pub(crate) fn key(&self) -> ContentKey {
        ContentKey { size_bytes: self.file.size_bytes, digest: self.file.digest }
    }
}

impl Build {
    /// Bytes of all files.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.file.size_bytes).sum()
    }

    /// Whether some file is pinned by SHA-1 only.
    pub(crate) fn is_weak(&self) -> bool {
        self.files.iter().any(|file| matches!(file.file.digest, VendorDigest::Sha1(_)))
    }

    /// The thing's name in reports: bulletin and update.
    pub(crate) fn item(&self) -> String {
        item(&self.update)
    }
}

/// The name of an update in reports and logs: its bulletin and its key.
pub(crate) fn item(update: &Update) -> String {
    format!("{} {}", update.bulletin, update.update_key)
}
