//! `package.json`: the signed manifest in a version's folder.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
    sync::{Mutex, PoisonError},
};

use camino::Utf8PathBuf;
use patchwharf_model::{FileName, PackageId, Sha256, package::Manifest};
use patchwharf_trust::{ManifestKey, PublicKey, Signature};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Attempt as _, DiskError},
    folder, layout,
    location::Location,
};

/// The newest manifest format that this server writes and reads.
pub const FORMAT: u32 = 1;
/// Far above any real one: a hostile file must not fill the memory.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Longer than the manifest of a few files: one call reads it, and one more sees its end.
const USUAL_BYTES: usize = 8 * 1024;

/// Why a manifest cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not there.
    #[error("{path} is not there")]
    Missing {
        /// Its path.
        path: Utf8PathBuf,
    },
    /// It is no manifest.
    #[error("{path} is not a manifest")]
    Malformed {
        /// Its path.
        path: Utf8PathBuf,
        /// What was wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It is longer than any manifest.
    #[error("{path} is longer than {MAX_BYTES} bytes; that is no manifest")]
    TooLong {
        /// Its path.
        path: Utf8PathBuf,
    },
    /// A newer server wrote it.
    #[error("{path} has format {found}, this server knows {FORMAT}: use a newer patchwharf")]
    NewerFormat {
        /// Its path.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
    },
    /// It is not signed by the key that it must be signed by.
    #[error("the signature of {path} is not by this server's key {expected}; what it says is not believed")]
    BadSignature {
        /// Its path.
        path: Utf8PathBuf,
        /// Short name of the key that was expected.
        expected: String,
    },
    /// Another server's key has signed it.
    #[error("{path} is signed by key {found}, not by this server's key {expected}: another server made it")]
    OtherKey {
        /// Its path.
        path: Utf8PathBuf,
        /// Short name of the key that was expected.
        expected: String,
        /// Short name of the key that signed it.
        found: String,
    },
    /// It tells of another package or version than its folder.
    #[error("{path} is the manifest of {package}/{version}; the folder was renamed or copied")]
    OtherVersion {
        /// Its path.
        path: Utf8PathBuf,
        /// The package that it names.
        package: PackageId,
        /// The version that it names.
        version: u64,
    },
    /// It is signed, but tells otherwise than the rows of the database.
    #[error("{path} and the database disagree about {name}: one of them was changed; what the manifest signs counts")]
    Disagrees {
        /// Its path.
        path: Utf8PathBuf,
        /// The file that they disagree about.
        name: FileName,
    },
    /// A call failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Whose signatures are believed: a server's own key, or the keys of all servers that share one database.
pub trait Signers {
    /// The server's own key, for texts.
    fn own(&self) -> PublicKey;
    /// Whether a signature by this key is believed.
    fn trust(&self, key: &PublicKey) -> bool;
}

impl Signers for PublicKey {
    fn own(&self) -> PublicKey {
        *self
    }

    fn trust(&self, key: &PublicKey) -> bool {
        self == key
    }
}

/// The keys of a server and of those that share its database.
#[derive(Clone, Debug)]
pub struct KnownKeys {
    own: PublicKey,
    others: Vec<PublicKey>,
}

impl KnownKeys {
    /// The server's own key, and those of the others.
    #[must_use]
    pub fn new(own: PublicKey, others: Vec<PublicKey>) -> Self {
        Self { own, others }
    }
}

impl Signers for KnownKeys {
    fn own(&self) -> PublicKey {
        self.own
    }

    fn trust(&self, key: &PublicKey) -> bool {
        *key == self.own || self.others.contains(key)
    }
}

/// The file as it lies on disk: the signature is over the bytes of `manifest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedManifest {
    /// The manifest as JSON text.
    manifest: String,
    /// The public key, 64 hexadecimal digits.
    key: String,
    /// The signature, 128 hexadecimal digits.
    signature: String,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl SignedManifest {
    /// Signs a manifest.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn new(manifest: &Manifest, key: &ManifestKey) -> Result<Self, serde_json::Error> {
        let manifest = serde_json::to_string(manifest)?;
        let signature = key.sign(manifest.as_bytes());
        Ok(Self { key: key.public().to_string(), signature: signature.to_string(), manifest })
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The manifest, if a key that is believed signed it.
    ///
    /// # Errors
    /// When the signature is by another key, or over other bytes, or what was signed is no manifest of a known format.
    pub fn open(&self, keys: &(impl Signers + ?Sized), path: &Utf8PathBuf) -> Result<Manifest, ManifestError> {
        self.open_known(keys, || path.clone(), || false)
    }

    /// The key that signed it; none: the signature does not hold. Whether that key is to be believed is another question.
    #[must_use]
    pub fn signer(&self) -> Option<PublicKey> {
        let signature: Signature = self.signature.parse().ok()?;
        let signer: PublicKey = self.key.parse().ok()?;
        signer.verifies(self.manifest.as_bytes(), &signature).then_some(signer)
    }

    /// The same; `known` says that the signature over these bytes was verified before.
    fn open_known(
        &self,
        keys: &(impl Signers + ?Sized),
        path: impl Fn() -> Utf8PathBuf,
        known: impl FnOnce() -> bool,
    ) -> Result<Manifest, ManifestError> {
        let bad = || ManifestError::BadSignature { path: path(), expected: keys.own().id() };
        let signature: Signature = self.signature.parse().map_err(|_| bad())?;
        let signer: PublicKey = self.key.parse().map_err(|_| bad())?;
        if !known() && !signer.verifies(self.manifest.as_bytes(), &signature) {
            return Err(bad());
        }
        if !keys.trust(&signer) {
            return Err(ManifestError::OtherKey { path: path(), expected: keys.own().id(), found: signer.id() });
        }
        let malformed = |source| ManifestError::Malformed { path: path(), source };
        let Format { format } = serde_json::from_str(&self.manifest).map_err(malformed)?;
        if format > FORMAT {
            return Err(ManifestError::NewerFormat { path: path(), found: format });
        }
        serde_json::from_str(&self.manifest).map_err(malformed)
    }
}

/// The signed text that bytes are, if the signature holds, whoever made it.
pub(crate) fn signed(text: &[u8]) -> Option<SignedManifest> {
    let signed: SignedManifest = serde_json::from_slice(text).ok()?;
    signed.signer().is_some().then_some(signed)
}

/// Digests of manifest files whose signatures this process has verified or made: the same bytes need not be verified again.
#[derive(Debug, Default)]
pub(crate) struct Seals(Mutex<HashSet<Sha256>>);

/// Digests remembered: a few megabytes. One that is forgotten costs a verification.
const SEALS: usize = 100_000;

impl Seals {
    fn has(&self, digest: &Sha256) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    pub(crate) fn put(&self, digest: Sha256) {
        let mut seals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seals.len() >= SEALS {
            seals.clear();
        }
        seals.insert(digest);
    }
}

impl Location {
    /// The manifest of a version, believed only when one of `keys` signed it and it tells of this version.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or cannot be believed.
    pub fn manifest(&self, package: PackageId, version: u64, keys: &impl Signers) -> Result<Manifest, ManifestError> {
        let path = || self.path().join(layout::version_path(package, version)).join(layout::MANIFEST);
        match self.version_folder(package, version) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(ManifestError::Missing { path: path() }),
            folder => read(self, &folder.attempt("open the folder of", path)?, package, version, keys, path),
        }
    }

    /// The open folder of a version.
    pub(crate) fn version_folder(&self, package: PackageId, version: u64) -> io::Result<OwnedFd> {
        let package = folder::folder(&self.root, package.to_string())?;
        folder::folder(package, layout::version_name(version))
    }
}

/// Reads the manifest in an open version folder.
pub(crate) fn read(
    location: &Location,
    version_folder: &OwnedFd,
    package: PackageId,
    version: u64,
    keys: &(impl Signers + ?Sized),
    path: impl Fn() -> Utf8PathBuf,
) -> Result<Manifest, ManifestError> {
    let (_, text) = text(version_folder, &path)?;
    understood(location, &text, package, version, keys, path)
}

/// The file and its bytes, whatever they say.
pub(crate) fn text(version_folder: &OwnedFd, path: impl Fn() -> Utf8PathBuf) -> Result<(File, Vec<u8>), ManifestError> {
    let file = match folder::file(version_folder, layout::MANIFEST) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(ManifestError::Missing { path: path() }),
        other => other.attempt("open", &path)?,
    };
    let mut text = Vec::with_capacity(USUAL_BYTES);
    (&file).take(MAX_BYTES + 1).read_to_end(&mut text).attempt("read", &path)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ManifestError::TooLong { path: path() });
    }
    Ok((file, text))
}

/// The manifest that a text is, if it can be believed.
pub(crate) fn understood(
    location: &Location,
    text: &[u8],
    package: PackageId,
    version: u64,
    keys: &(impl Signers + ?Sized),
    path: impl Fn() -> Utf8PathBuf,
) -> Result<Manifest, ManifestError> {
    let signed: SignedManifest =
        serde_json::from_slice(text).map_err(|source| ManifestError::Malformed { path: path(), source })?;
    let digest = patchwharf_trust::sha256(text);
    let manifest = signed.open_known(keys, &path, || location.seals.has(&digest))?;
    location.seals.put(digest);
    if (manifest.package, manifest.version) != (package, version) {
        let (package, version) = (manifest.package, manifest.version);
        return Err(ManifestError::OtherVersion { path: path(), package, version });
    }
    Ok(manifest)
}
