//! Keys, certificates and signed texts as honest and dishonest people make them.

use patchwharf_model::Timestamp;
use pgp::{
    composed::{KeyType, SecretKeyParamsBuilder, SubkeyParamsBuilder},
    crypto::hash::HashAlgorithm,
    packet::{
        KeyFlags, PacketTrait, PublicKey, PublicSubkey, RevocationCode, SecretKey, SecretSubkey, Signature,
        SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
    },
    types::{Duration, KeyDetails as _, PacketHeaderVersion, Password, SigningKey, Tag, Timestamp as Time},
};

pub(crate) const DAY: i64 = 86_400;
const NOW: i64 = 1_795_305_600; // 2026-11-22

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

pub(crate) fn at(days_from_now: i64) -> Time {
    Time::from_secs(u32::try_from(NOW + days_from_now * DAY).unwrap())
}

pub(crate) fn days(days: i64) -> Duration {
    Duration::from_secs(u32::try_from(days * DAY).unwrap())
}

/// A primary key with one subkey; everything said about them is made piece by piece.
pub(crate) struct Key {
    pub(crate) primary: SecretKey,
    pub(crate) subkey: SecretSubkey,
    pub(crate) user: UserId,
}

impl Key {
    pub(crate) fn new() -> Self {
        Self::of_type(KeyType::Ed25519Legacy)
    }

    pub(crate) fn of_type(kind: KeyType) -> Self {
        let sub = SubkeyParamsBuilder::default().key_type(kind.clone()).can_sign(true).created_at(at(-400)).build();
        let made = SecretKeyParamsBuilder::default()
            .key_type(kind)
            .can_sign(true)
            .can_certify(true)
            .created_at(at(-400))
            .primary_user_id("Archive <archive@example.test>".into())
            .subkeys(vec![sub.unwrap()])
            .build()
            .unwrap()
            .generate(rand::thread_rng())
            .unwrap();
        let user = UserId::from_str(PacketHeaderVersion::New, "Archive <archive@example.test>").unwrap();
        Self { primary: made.primary_key, subkey: made.secret_subkeys[0].key.clone(), user }
    }

    pub(crate) fn public(&self) -> &PublicKey {
        self.primary.public_key()
    }

    pub(crate) fn public_subkey(&self) -> &PublicSubkey {
        self.subkey.public_key()
    }

    pub(crate) fn fingerprint(&self) -> String {
        format!("{:X}", self.primary.fingerprint())
    }

    /// The primary key's word on its user id.
    pub(crate) fn self_signature(&self, word: Word) -> Signature {
        let config = word.config(SignatureType::CertPositive, &self.primary);
        config.sign_certification(&self.primary, self.public(), &Password::empty(), Tag::UserId, &self.user).unwrap()
    }

    pub(crate) fn binding(&self, word: Word, back: bool) -> Signature {
        let mut config = word.config(SignatureType::SubkeyBinding, &self.primary);
        if back {
            let back = Word::at(-399).digest(word.digest).config(SignatureType::KeyBinding, &self.subkey);
            let back =
                back.sign_primary_key_binding(&self.subkey, self.public_subkey(), &Password::empty(), self.public());
            let back = SubpacketData::EmbeddedSignature(Box::new(back.unwrap()));
            config.hashed_subpackets.push(Subpacket::regular(back).unwrap());
        }
        config.sign_subkey_binding(&self.primary, self.public(), &Password::empty(), self.public_subkey()).unwrap()
    }

    pub(crate) fn revocation(&self, days_from_now: i64) -> Signature {
        let config = Word::at(days_from_now).revoking().config(SignatureType::KeyRevocation, &self.primary);
        config.sign_key(&self.primary, &Password::empty(), self.public()).unwrap()
    }

    pub(crate) fn subkey_revocation(&self) -> Signature {
        let config = Word::at(-1).revoking().config(SignatureType::SubkeyRevocation, &self.primary);
        config.sign_subkey_binding(&self.primary, self.public(), &Password::empty(), self.public_subkey()).unwrap()
    }

    /// An honest certificate.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        let (own, bound) = (self.self_signature(Word::at(-399)), self.binding(Word::at(-399), true));
        self.certificate_of(&[], &[own], &[bound])
    }

    pub(crate) fn certificate_of(&self, direct: &[Signature], user: &[Signature], subkey: &[Signature]) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.public().to_writer_with_header(&mut bytes).unwrap();
        direct.iter().for_each(|signature| signature.to_writer_with_header(&mut bytes).unwrap());
        self.user.to_writer_with_header(&mut bytes).unwrap();
        user.iter().for_each(|signature| signature.to_writer_with_header(&mut bytes).unwrap());
        if !subkey.is_empty() {
            self.public_subkey().to_writer_with_header(&mut bytes).unwrap();
            subkey.iter().for_each(|signature| signature.to_writer_with_header(&mut bytes).unwrap());
        }
        bytes
    }

    /// Signs `text` with the primary key, yesterday.
    pub(crate) fn sign(&self, text: &str) -> Signature {
        sign(text, &self.primary, &Word::at(-1), SignatureType::Text)
    }

    /// Signs `text` with the subkey, yesterday.
    pub(crate) fn sign_by_subkey(&self, text: &str) -> Signature {
        sign(text, &self.subkey, &Word::at(-1), SignatureType::Text)
    }
}

/// What a signature says besides what it is over.
#[derive(Clone)]
pub(crate) struct Word {
    created: Time,
    digest: HashAlgorithm,
    flags: Option<KeyFlags>,
    more: Vec<Subpacket>,
}

impl Word {
    pub(crate) fn at(days_from_now: i64) -> Self {
        let mut flags = KeyFlags::default();
        flags.set_sign(true);
        flags.set_certify(true);
        Self { created: at(days_from_now), digest: HashAlgorithm::Sha256, flags: Some(flags), more: Vec::new() }
    }

    pub(crate) fn digest(self, digest: HashAlgorithm) -> Self {
        Self { digest, ..self }
    }

    pub(crate) fn flags(self, flags: Option<KeyFlags>) -> Self {
        Self { flags, ..self }
    }

    pub(crate) fn saying(mut self, data: SubpacketData, critical: bool) -> Self {
        let made = if critical { Subpacket::critical(data) } else { Subpacket::regular(data) };
        self.more.push(made.unwrap());
        self
    }

    pub(crate) fn key_ends_after(self, span: i64) -> Self {
        self.saying(SubpacketData::KeyExpirationTime(days(span)), false)
    }

    pub(crate) fn ends_after(self, span: i64) -> Self {
        self.saying(SubpacketData::SignatureExpirationTime(days(span)), false)
    }

    fn revoking(self) -> Self {
        self.flags(None).saying(SubpacketData::RevocationReason(RevocationCode::KeyCompromised, "".into()), false)
    }

    fn config(&self, kind: SignatureType, key: &impl SigningKey) -> SignatureConfig {
        let mut config = SignatureConfig::v4(kind, key.algorithm(), self.digest);
        let mut say = |data| config.hashed_subpackets.push(Subpacket::regular(data).unwrap());
        say(SubpacketData::SignatureCreationTime(self.created));
        say(SubpacketData::IssuerFingerprint(key.fingerprint()));
        let of_text = matches!(kind, SignatureType::Text | SignatureType::Binary | SignatureType::KeyBinding);
        if let Some(flags) = self.flags.clone().filter(|_| !of_text) {
            say(SubpacketData::KeyFlags(flags));
        }
        config.hashed_subpackets.extend(self.more.clone());
        config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).unwrap()];
        config
    }
}

pub(crate) fn sign(text: &str, key: &impl SigningKey, word: &Word, kind: SignatureType) -> Signature {
    word.config(kind, key).sign(key, &Password::empty(), canonical(text).as_bytes()).unwrap()
}

/// Lines joined by CR LF, white space at their ends removed, the last line end left out.
pub(crate) fn canonical(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n').map(|line| line.trim_end_matches([' ', '\t'])).collect::<Vec<_>>().join("\r\n")
}

pub(crate) fn armored(kind: &str, packets: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let base64 = STANDARD.encode(packets);
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PGP {kind}-----\n\n{}\n-----END PGP {kind}-----\n", lines.join("\n"))
}

pub(crate) fn packets(signatures: &[Signature]) -> Vec<u8> {
    let mut bytes = Vec::new();
    signatures.iter().for_each(|signature| signature.to_writer_with_header(&mut bytes).unwrap());
    bytes
}

/// A cleartext-signed message with `signatures`, whatever they are over.
pub(crate) fn message(text: &str, signatures: &[Signature]) -> String {
    let escaped: String = text
        .split_inclusive('\n')
        .map(|line| if line.starts_with('-') { format!("- {line}") } else { line.to_owned() })
        .collect();
    let signatures = armored("SIGNATURE", &packets(signatures));
    format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{escaped}{signatures}")
}
