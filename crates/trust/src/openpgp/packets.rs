//! Packet framing (RFC 9580 section 4.2): each packet is cut out first and decoded alone, so that one that cannot be
//! decoded never hides or shifts the next.

use pgp::packet::{Packet, PacketParser, Signature};

use super::{MAX_SIGNATURES, SignatureError};

/// Packet type id of a signature.
pub(super) const SIGNATURE: u8 = 2;

/// One packet: its type id, its body, and the whole of it.
pub(super) struct RawPacket<'a> {
    pub tag: u8,
    pub body: &'a [u8],
    whole: &'a [u8],
}

impl RawPacket<'_> {
    /// Decodes the packet; none when its content is not understood.
    pub(super) fn decode(&self) -> Option<Packet> {
        PacketParser::new(self.whole).next()?.ok()
    }
}

/// Takes the next packet off `bytes`; none when it is cut off or of a length that keys and signatures never have.
pub(super) fn next<'a>(bytes: &mut &'a [u8]) -> Option<RawPacket<'a>> {
    let (&first, after) = bytes.split_first()?;
    let big_endian = |digits: &[u8]| digits.iter().fold(0usize, |sum, digit| sum << 8 | usize::from(*digit));
    let (tag, header, length) = match first {
        0xc0.. => match after {
            [short @ 0..192, ..] => (first & 0x3f, 2, usize::from(*short)),
            [high @ 192..224, low, ..] => {
                (first & 0x3f, 3, ((usize::from(*high) - 192) << 8) + usize::from(*low) + 192)
            }
            [255, digits @ ..] => (first & 0x3f, 6, big_endian(digits.get(..4)?)),
            _ => return None,
        },
        0x80.. => {
            let digits = match first & 3 {
                0 => 1,
                1 => 2,
                2 => 4,
                _ => return None,
            };
            ((first >> 2) & 0x0f, 1 + digits, big_endian(after.get(..digits)?))
        }
        _ => return None,
    };
    let whole = bytes.get(..header.checked_add(length)?)?;
    *bytes = &bytes[whole.len()..];
    Some(RawPacket { tag, body: &whole[header..], whole })
}

/// A signature of the block; none where it could not be decoded.
pub(super) fn signatures(mut bytes: &[u8]) -> Result<Vec<Option<Signature>>, SignatureError> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let packet = next(&mut bytes).ok_or(SignatureError::Damaged { reason: "a packet is cut off" })?;
        if packet.tag != SIGNATURE {
            return Err(SignatureError::Damaged { reason: "it holds packets that are no signatures" });
        }
        if found.len() == MAX_SIGNATURES {
            return Err(SignatureError::Damaged { reason: "it holds more than 32 signatures" });
        }
        found.push(match packet.decode() {
            Some(Packet::Signature(signature)) => Some(signature),
            _ => None,
        });
    }
    if found.is_empty() { Err(SignatureError::Missing) } else { Ok(found) }
}
