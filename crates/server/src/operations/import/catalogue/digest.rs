//! What tells whether an update or its files have changed.

use patchwharf_model::{
    Sha256,
    update::{PayloadFile, UpdateItem, VendorDigest},
};
use patchwharf_trust::digest::sha256;

/// The item as text, and the digest that tells whether anything of it changed: the item's, and where rules leave out
/// files, also of those that are chosen.
pub(super) fn digest(update: &UpdateItem, files: &[PayloadFile]) -> (String, Sha256) {
    // Plain data: its serialization cannot fail.
    let text = serde_json::to_string(update).unwrap_or_default();
    if files.len() == update.files.len() {
        let digest = sha256(text.as_bytes());
        return (text, digest);
    }
    let mut all = sha256(text.as_bytes()).0.to_vec();
    all.extend(files_digest(files).0);
    (text, sha256(&all))
}

/// SHA-256 over names, sizes and digests, whatever their order: equal means same content.
pub(crate) fn files_digest(files: &[PayloadFile]) -> Sha256 {
    let line = |file: &PayloadFile| {
        let digest = match file.digest {
            VendorDigest::Sha256(digest) => format!("sha256:{digest}"),
            VendorDigest::Sha1(digest) => format!("sha1:{digest}"),
        };
        format!("{} {digest} {}\n", file.size_bytes, file.name)
    };
    let mut lines: Vec<String> = files.iter().map(line).collect();
    lines.sort();
    sha256(lines.concat().as_bytes())
}
