//! ASCII armour (RFC 9580 section 6.2), read strictly.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{MAX_SIGNATURES_BYTES, SignatureError};

pub(super) const BEGIN_SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &[u8] = b"-----END PGP SIGNATURE-----";

/// A line without its end and the white space before it; white space at line ends means nothing in armour.
pub(super) fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

/// Reads one or more signature blocks one after the other, with nothing but blank lines around them, and returns
/// their packets. `first_line` is the number of the first line, for messages.
pub(super) fn signature_blocks(bytes: &[u8], first_line: usize) -> Result<Vec<u8>, SignatureError> {
    let mut packets = Vec::new();
    let mut lines = bytes.split(|byte| *byte == b'\n').zip(first_line..);
    let mut blocks = 0;
    while let Some((line, number)) = lines.next() {
        let refuse = |reason| Err(SignatureError::Framing { line: number, reason });
        match trimmed(line) {
            b"" => {}
            BEGIN_SIGNATURE => {
                blocks += 1;
                packets.extend(block(&mut lines, END_SIGNATURE, number)?);
            }
            _ if blocks == 0 => return Err(SignatureError::Missing),
            _ => return refuse("there is text after the signature"),
        }
        if packets.len() > MAX_SIGNATURES_BYTES {
            return Err(SignatureError::TooLarge { limit: MAX_SIGNATURES_BYTES });
        }
    }
    if blocks == 0 { Err(SignatureError::Missing) } else { Ok(packets) }
}

/// Reads headers, base64 and the closing line of one block whose opening line was just read at `number`.
pub(super) fn block<'a>(
    lines: &mut impl Iterator<Item = (&'a [u8], usize)>,
    end: &[u8],
    number: usize,
) -> Result<Vec<u8>, SignatureError> {
    let mut base64 = Vec::new();
    let (mut in_headers, mut checksum) = (true, false);
    for (line, number) in lines {
        let refuse = |reason| Err(SignatureError::Framing { line: number, reason });
        let line = trimmed(line);
        if line == end {
            let bytes = STANDARD.decode(&base64);
            return bytes.or(Err(SignatureError::Damaged { reason: "its base64 cannot be decoded" }));
        }
        if in_headers {
            // Header names are free (`Version`, `Comment`); a block may also start with its blank line at once.
            match (line.is_empty(), line.windows(2).any(|pair| pair == b": ") || line.ends_with(b":")) {
                (true, _) => in_headers = false,
                (false, true) => {}
                (false, false) => return refuse("an armour header or a blank line was expected"),
            }
        } else if line.first() == Some(&b'=') && line.len() == 5 {
            // The CRC-24 is no protection and RFC 9580 says not to check it.
            checksum = true;
        } else if checksum || line.first() == Some(&b'-') {
            return refuse("the closing line of the armour was expected");
        } else {
            base64.extend_from_slice(line);
        }
    }
    Err(SignatureError::Framing { line: number, reason: "the armour that begins here never ends" })
}
