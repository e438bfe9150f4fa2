//! `package.json` and the key that signs it.

use std::{collections::BTreeMap, fs, io, path::Path};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::Deserialize;

use crate::CheckError;

const SEED_LABEL: &str = "patchwharf-ed25519-seed ";

/// The server's public key, hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey(pub(crate) String);

/// The public half of `manifest.key` in a data folder; none: the server never made one.
pub(crate) fn server_key(data: &Path) -> Result<Option<PublicKey>, CheckError> {
    let path = data.join("manifest.key");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(CheckError::read(&path))?,
    };
    let malformed = || CheckError::Malformed { path: path.clone(), what: "a signing key of this server" };
    let seed = text.trim().strip_prefix(SEED_LABEL).and_then(|seed| hex::decode(seed).ok()).ok_or_else(malformed)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| malformed())?;
    Ok(Some(PublicKey(hex::encode(pair.public_key().as_ref()))))
}

/// Whether a key, in hexadecimal digits like the signature, has signed this text.
pub(crate) fn has_signed(key: &str, text: &str, signature: &str) -> bool {
    let (Ok(key), Ok(signature)) = (hex::decode(key), hex::decode(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(text.as_bytes(), &signature).is_ok()
}

/// The keys that a rebuild was told to believe: a line each in a data folder.
pub(crate) fn trusted_keys(data: &Path) -> Vec<PublicKey> {
    let text = fs::read_to_string(data.join("trusted.keys")).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| line.len() == 64 && hex::decode(line).is_ok());
    lines.map(|line| PublicKey(line.to_lowercase())).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    manifest: String,
    key: String,
    signature: String,
}

/// What a manifest says, as far as a rule looks at it.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) package: String,
    pub(crate) version: i64,
    pub(crate) update: String,
    files: Vec<FileEntry>,
}

/// One file of it.
#[derive(Debug, Deserialize)]
pub(crate) struct FileEntry {
    name: String,
    pub(crate) size_bytes: i64,
    pub(crate) sha256: String,
    pub(crate) vendor_digest: serde_json::Value,
}

impl Manifest {
    /// Opens a manifest and checks its signature, which must be by one of these keys if there are any; the error says what
    /// is wrong.
    pub(crate) fn open(bytes: &[u8], keys: &[PublicKey]) -> Result<Self, String> {
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|e| format!("is no manifest: {e}"))?;
        if let Some(own) = keys.first()
            && keys.iter().all(|key| key.0 != envelope.key)
        {
            return Err(format!("is signed by key {}, the server's is {}", envelope.key, own.0));
        }
        let raw = hex::decode(&envelope.key).map_err(|_| "names no key".to_owned())?;
        let signature = hex::decode(&envelope.signature).map_err(|_| "has no signature".to_owned())?;
        UnparsedPublicKey::new(&ED25519, raw)
            .verify(envelope.manifest.as_bytes(), &signature)
            .map_err(|_| "has a signature that does not match".to_owned())?;
        serde_json::from_str(&envelope.manifest).map_err(|e| format!("is signed, but no manifest: {e}"))
    }

    /// Files by name.
    pub(crate) fn files(&self) -> BTreeMap<&str, &FileEntry> {
        self.files.iter().map(|file| (file.name.as_str(), file)).collect()
    }
}
