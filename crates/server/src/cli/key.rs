//! Public keys of other deployments, as people have them.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use patchwharf_store::SignedManifest;
use patchwharf_trust::{ManifestKey, PublicKey};

/// A file that holds a key is short; a manifest names the files of one package.
const MOST_BYTES: u64 = 1 << 20;

/// The key that a text is, or that the file which it names has: as 64 hexadecimal digits, as a signed `package.json`, or as
/// the other deployment's `manifest.key`, of which only the public half is used.
///
/// # Errors
/// It is neither.
pub(super) fn public(text: &str) -> Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let mut content = String::new();
    std::fs::File::open(text).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut content)).with_context(
        || format!("{text:?} is neither a public key (64 hexadecimal digits) nor a file that can be read"),
    )?;
    let signer = || serde_json::from_str::<SignedManifest>(&content).ok()?.signer();
    content.trim().parse().ok().or_else(|| ManifestKey::public_of(&content)).or_else(signer).with_context(|| {
        format!("{text} holds no key: give a signed package.json, a manifest.key, or a file with the 64 digits")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_and_from_the_files_that_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let key = ManifestKey::open_or_make(path("manifest.key").as_ref()).unwrap();
        let digits = key.public().to_string();
        std::fs::write(path("key.txt"), format!("{digits}\n")).unwrap();
        std::fs::write(path("other"), "{}").unwrap();
        for text in [digits, path("manifest.key"), path("key.txt")] {
            assert_eq!(public(&text).unwrap(), key.public(), "{text}");
        }
        for text in ["abc".to_owned(), path("missing"), path("other")] {
            assert!(public(&text).is_err(), "{text}");
        }
    }
}
