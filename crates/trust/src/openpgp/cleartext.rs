//! The cleartext signature framework (RFC 9580 section 7), read strictly: nothing before, nothing after, only `Hash`
//! headers, every line that begins with a dash escaped.

use super::{SignatureError, armor};

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";

/// A cleartext-signed message, taken apart.
pub(super) struct SignedText {
    /// The bytes that the signatures cover: lines joined by CR LF, white space at line ends removed.
    pub hashed: Vec<u8>,
    /// The same lines, each ending in LF.
    pub text: Vec<u8>,
    /// The packets of the signature block.
    pub signatures: Vec<u8>,
}

pub(super) fn read(bytes: &[u8]) -> Result<SignedText, SignatureError> {
    let mut lines = Lines { rest: bytes, number: 0 };
    match lines.next() {
        Some(line) if line == BEGIN => {}
        Some(_) if bytes.windows(BEGIN.len()).any(|window| window == BEGIN) => {
            return lines.refuse("there is text before the signed part");
        }
        _ => return Err(SignatureError::Missing),
    }
    let unfinished = SignatureError::Framing { line: 1, reason: "the signed part that begins here never ends" };
    loop {
        match lines.next() {
            None => return Err(unfinished),
            Some(b"") => break,
            Some(line) if is_hash_header(line) => {}
            Some(_) => return lines.refuse("only `Hash` headers may stand before the signed text"),
        }
    }
    let (mut hashed, mut text) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(bytes.len()));
    loop {
        let before = lines.clone();
        let line = lines.next().ok_or_else(|| unfinished.clone())?;
        if armor::trimmed(line) == armor::BEGIN_SIGNATURE {
            let signatures = armor::signature_blocks(before.rest, lines.number)?;
            return Ok(SignedText { hashed, text, signatures });
        }
        let line = match line {
            [b'-', b' ', escaped @ ..] => escaped,
            [b'-', ..] => return lines.refuse("a line that begins with a dash is not escaped"),
            _ => line,
        };
        if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return lines.refuse("there is a lone CR or a NUL in the line");
        }
        let line = trim_blanks(line);
        if !text.is_empty() {
            hashed.extend_from_slice(b"\r\n");
        }
        hashed.extend_from_slice(line);
        text.extend_from_slice(line);
        text.push(b'\n');
    }
}

/// Lines without their LF or CR LF, counted from 1.
#[derive(Clone)]
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn refuse<T>(&self, reason: &'static str) -> Result<T, SignatureError> {
        Err(SignatureError::Framing { line: self.number, reason })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let line = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |end| &self.rest[end + 1..]);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Spaces and tabs at the end of a line are not signed, so they are not handed on either.
fn trim_blanks(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    &line[..end]
}

fn is_hash_header(line: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'-' | b' ');
    line.strip_prefix(b"Hash: ").is_some_and(|names| !names.is_empty() && names.iter().all(allowed))
}
