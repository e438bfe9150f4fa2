//! The feed's keyring: certificates (transferable public keys) with everything that was said of them.

use pgp::{
    packet::{Packet, PublicKey, PublicSubkey, Signature, SignatureType, UserId},
    types::KeyDetails as _,
};

use super::packets::{self, RawPacket, SIGNATURE};

/// The largest keyring that is read, in bytes.
const MAX_KEYRING_BYTES: usize = 8 * 1024 * 1024;

/// Packet type ids (RFC 9580 section 5).
const PUBLIC_KEY: u8 = 6;
const SECRET_KEY: u8 = 5;
const PUBLIC_SUBKEY: u8 = 14;
const USER_ID: u8 = 13;

/// Why a keyring cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// It holds no certificate that can be decoded.
    #[error(
        "there is no OpenPGP public key in it: export one with `gpg --export KEY`, or name a file of /usr/share/keyrings"
    )]
    Empty,
    /// It is GnuPG's own key box.
    #[error("it is a GnuPG key box (.kbx): export the keys with `gpg --no-default-keyring --keyring FILE --export`")]
    KeyBox,
    /// It holds secret keys.
    #[error(
        "it holds a secret key: export only the public half with `gpg --export KEY`, and keep the secret one away from this server"
    )]
    Secret,
    /// It is cut off or no OpenPGP data.
    #[error("it is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// Larger than what is read.
    #[error("it is larger than the {limit} bytes that are accepted")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl KeyringError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "keyring-empty",
            Self::KeyBox => "keyring-keybox",
            Self::Secret => "keyring-secret",
            Self::Damaged { .. } => "keyring-damaged",
            Self::TooLarge { .. } => "keyring-too-large",
        }
    }
}

/// The certificates that a feed is pinned to.
#[derive(Clone, Debug)]
pub struct Keyring {
    pub(super) certificates: Vec<Certificate>,
}

/// One certificate, undigested.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub primary: PublicKey,
    /// Direct-key signatures and revocations of the primary key.
    pub direct: Vec<Signature>,
    pub users: Vec<(UserId, Vec<Signature>)>,
    pub subkeys: Vec<(PublicSubkey, Vec<Signature>)>,
    /// Revocations of subkeys, wherever they stand: each is heard for every subkey.
    pub subkey_revocations: Vec<Signature>,
    /// A revocation that could not be decoded: it might be a good one, so the certificate is not used.
    pub unreadable_revocation: bool,
}

impl Keyring {
    /// Reads a keyring: binary or armoured, one certificate or several.
    ///
    /// # Errors
    /// When it is no keyring, or nothing in it is usable.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyringError> {
        if bytes.len() > MAX_KEYRING_BYTES {
            return Err(KeyringError::TooLarge { limit: MAX_KEYRING_BYTES });
        }
        if bytes.get(8..12) == Some(b"KBXf") {
            return Err(KeyringError::KeyBox);
        }
        let certificates = match bytes.first() {
            Some(first) if first & 0x80 != 0 => certificates(bytes)?,
            _ => certificates(&dearmored(bytes)?)?,
        };
        if certificates.is_empty() { Err(KeyringError::Empty) } else { Ok(Self { certificates }) }
    }

    /// The keys of both keyrings.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.certificates.extend(other.certificates);
        self
    }

    /// Fingerprints of the primary keys, upper case.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<String> {
        self.certificates.iter().map(|certificate| format!("{:X}", certificate.primary.fingerprint())).collect()
    }
}

fn dearmored(bytes: &[u8]) -> Result<Vec<u8>, KeyringError> {
    const BEGIN: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
    const END: &[u8] = b"-----END PGP PUBLIC KEY BLOCK-----";
    let mut packets = Vec::new();
    let mut lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    while let Some((line, number)) = lines.next() {
        // Text around the blocks is the notes of whoever wrote the file; the administrator pinned it as it is.
        if line.starts_with(b"-----BEGIN PGP PRIVATE KEY") {
            return Err(KeyringError::Secret);
        }
        if super::armor::trimmed(line) == BEGIN {
            let block = super::armor::block(&mut lines, END, number);
            packets.extend(block.map_err(|error| KeyringError::Damaged { reason: error.to_string() })?);
        }
    }
    Ok(packets)
}

fn certificates(mut bytes: &[u8]) -> Result<Vec<Certificate>, KeyringError> {
    let mut found: Vec<Certificate> = Vec::new();
    // Whether packets belong to the last of `found`: not after a primary key that could not be decoded.
    let mut open = false;
    let mut last = Component::Primary;
    while !bytes.is_empty() {
        let packet = packets::next(&mut bytes)
            .ok_or_else(|| KeyringError::Damaged { reason: "a packet is cut off or is no packet".into() })?;
        match (packet.tag, packet.decode()) {
            (SECRET_KEY, _) => return Err(KeyringError::Secret),
            (PUBLIC_KEY, decoded) => {
                open = false;
                last = Component::Primary;
                if let Some(Packet::PublicKey(primary)) = decoded {
                    open = true;
                    found.push(Certificate {
                        primary,
                        direct: Vec::new(),
                        users: Vec::new(),
                        subkeys: Vec::new(),
                        subkey_revocations: Vec::new(),
                        unreadable_revocation: false,
                    });
                }
            }
            (_, decoded) if open => {
                if let Some(certificate) = found.last_mut() {
                    last = certificate.take(&packet, decoded, last);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// What the next signature packet is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Component {
    Primary,
    User,
    Subkey,
    Ignored,
}

impl Certificate {
    fn take(&mut self, packet: &RawPacket<'_>, decoded: Option<Packet>, last: Component) -> Component {
        match (packet.tag, decoded) {
            (SIGNATURE, Some(Packet::Signature(signature))) => {
                match (signature.typ(), last) {
                    // Wherever a revocation of the primary key or of a subkey stands, it is heard.
                    (Some(SignatureType::SubkeyRevocation), _) => self.subkey_revocations.push(signature),
                    (Some(SignatureType::KeyRevocation), _) | (_, Component::Primary) => self.direct.push(signature),
                    (_, Component::User) => {
                        self.users.last_mut().into_iter().for_each(|(_, all)| all.push(signature.clone()))
                    }
                    (_, Component::Subkey) => {
                        self.subkeys.last_mut().into_iter().for_each(|(_, all)| all.push(signature.clone()))
                    }
                    (_, Component::Ignored) => {}
                }
                last
            }
            (SIGNATURE, _) => {
                // The second byte of a signature is its type: 0x20 and above are the revocations.
                self.unreadable_revocation |= packet.body.get(1).is_none_or(|kind| *kind & 0xf0 >= 0x20);
                last
            }
            (USER_ID, Some(Packet::UserId(id))) => {
                self.users.push((id, Vec::new()));
                Component::User
            }
            (PUBLIC_SUBKEY, Some(Packet::PublicSubkey(key))) => {
                self.subkeys.push((key, Vec::new()));
                Component::Subkey
            }
            _ => Component::Ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of the old format (RFC 9580 section 4.2.2).
    fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap_or_default().to_be_bytes();
        [&[0x81 | tag << 2][..], &length, body].concat()
    }

    /// A version 4 Ed25519 key: it needs to be decoded, not to be anybody's.
    fn key() -> Vec<u8> {
        const CURVE: [u8; 10] = [9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1];
        let point = [&[1, 7, 0x40, 0, 0][..], &[1; 30]].concat();
        [&[4, 0, 0, 0, 1, 22][..], &CURVE, &point].concat()
    }

    /// A version 4 signature of a type, with nothing in it.
    fn signature(kind: u8) -> Vec<u8> {
        [&[4, kind, 22, 8, 0, 0, 0, 0, 0, 0][..], &[0, 1, 1], &[0, 1, 1]].concat()
    }

    /// Each revocation of a subkey is heard for all of them; held for each of them, a keyring of the size that is read
    /// would take gigabytes.
    #[test]
    fn v_16_a_signature_of_a_keyring_is_held_once() {
        const SUBKEYS: usize = 300;
        let mut bytes = packet(PUBLIC_KEY, &key());
        (0..SUBKEYS).for_each(|_| bytes.extend(packet(PUBLIC_SUBKEY, &key())));
        (0..SUBKEYS).for_each(|_| bytes.extend(packet(SIGNATURE, &signature(0x28))));
        let found = certificates(&bytes).unwrap_or_default();
        assert_eq!(found[0].subkeys.len(), SUBKEYS);
        let held =
            found[0].subkeys.iter().map(|(_, held)| held.len()).sum::<usize>() + found[0].subkey_revocations.len();
        assert_eq!(held, SUBKEYS);
    }
}
