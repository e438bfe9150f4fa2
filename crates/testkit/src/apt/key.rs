//! OpenPGP keys that sign repositories.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use pgp::{
    composed::{
        ArmorOptions, CleartextSignedMessage, DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedSecretKey,
        SubkeyParamsBuilder,
    },
    crypto::hash::HashAlgorithm,
    packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData},
    ser::Serialize,
    types::{KeyDetails, Password, SigningKey},
};
use rand::rngs::OsRng;

/// What kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519, the primary key signs.
    Ed25519,
    /// RSA with 2048 bits, the primary key signs.
    Rsa,
    /// RSA primary key that only certifies, an Ed25519 subkey signs: how Debian's keys are built.
    Subkey,
}

/// A secret key with its certificate.
#[derive(Clone, Debug)]
pub struct Key {
    secret: SignedSecretKey,
    signed_at: u32,
}

impl Key {
    /// Makes a key. It and its signatures are dated 2026-11-01.
    #[must_use]
    pub fn generate(kind: KeyKind) -> Self {
        let signed_at: Timestamp = "2026-11-01T00:00:00Z".parse().expect("a time");
        let signed_at = u32::try_from(signed_at.as_second()).expect("before 2106");
        let created = pgp::types::Timestamp::from_secs(signed_at - 3600);
        let mut params = SecretKeyParamsBuilder::default();
        params
            .key_type(if kind == KeyKind::Ed25519 { KeyType::Ed25519Legacy } else { KeyType::Rsa(2048) })
            .can_certify(true)
            .can_sign(kind != KeyKind::Subkey)
            .created_at(created)
            .primary_user_id("Example Archive <archive@vendor.example>".into());
        if kind == KeyKind::Subkey {
            let mut subkey = SubkeyParamsBuilder::default();
            subkey.key_type(KeyType::Ed25519Legacy).can_sign(true).created_at(created);
            params.subkey(subkey.build().expect("complete parameters"));
        }
        let secret = params.build().expect("complete parameters").generate(OsRng).expect("a new key");
        Self { secret, signed_at }
    }

    /// The same key; what it signs from now on is dated at this second since 1970.
    #[must_use]
    pub fn signing_at(&self, second: u32) -> Self {
        Self { secret: self.secret.clone(), signed_at: second }
    }

    /// The primary key's fingerprint, upper-case hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode_upper(self.secret.fingerprint().as_bytes())
    }

    /// The certificate as a binary keyring (`.gpg`).
    #[must_use]
    pub fn keyring(&self) -> Vec<u8> {
        self.secret.to_public_key().to_bytes().expect("memory")
    }

    /// The certificate in ASCII armour (`.asc`).
    #[must_use]
    pub fn armored(&self) -> String {
        self.secret.to_public_key().to_armored_string(ArmorOptions::default()).expect("memory")
    }

    /// Writes the binary keyring into a folder.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn write_keyring(&self, folder: &Path) -> PathBuf {
        let file = folder.join(format!("{}.gpg", &self.fingerprint()[..16]));
        std::fs::write(&file, self.keyring()).expect("a keyring file");
        file
    }

    /// The text with a cleartext signature: an InRelease file.
    #[must_use]
    pub fn clearsign(&self, text: &str) -> Bytes {
        Self::clearsign_all(text, &[self])
    }

    /// The text with the cleartext signatures of several keys.
    #[must_use]
    pub fn clearsign_all(text: &str, keys: &[&Self]) -> Bytes {
        // The last line end belongs to the framing, not to the text (RFC 9580 section 7.2).
        let text = text.trim_end_matches('\n');
        let message = CleartextSignedMessage::new_many(text, |normalized| {
            keys.iter().map(|key| key.signature(SignatureType::Text, normalized.as_bytes())).collect()
        });
        message.expect("a signature").to_armored_bytes(ArmorOptions::default()).expect("memory").into()
    }

    /// A detached signature in ASCII armour: a Release.gpg file.
    #[must_use]
    pub fn sign_detached(&self, data: &[u8]) -> Bytes {
        let signature = self.signature(SignatureType::Binary, data).expect("a signature");
        DetachedSignature::new(signature).to_armored_bytes(ArmorOptions::default()).expect("memory").into()
    }

    fn signature(&self, kind: SignatureType, data: &[u8]) -> pgp::errors::Result<pgp::packet::Signature> {
        match self.secret.secret_subkeys.first() {
            Some(subkey) => self.signature_by(&subkey.key, kind, data),
            None => self.signature_by(&self.secret.primary_key, kind, data),
        }
    }

    fn signature_by(
        &self,
        key: &impl SigningKey,
        kind: SignatureType,
        data: &[u8],
    ) -> pgp::errors::Result<pgp::packet::Signature> {
        let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha256);
        let at = pgp::types::Timestamp::from_secs(self.signed_at);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(at))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        ];
        config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
        config.sign(key, &Password::empty(), data)
    }
}
