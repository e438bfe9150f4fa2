//! Catalogues of System Center (SCUP): Software Distribution Packages.
//!
//! A catalogue is one XML document (`SystemsManagementCatalog`, V1; a single `SoftwareDistributionPackage` is taken
//! too) as it is or in a cabinet, or a cabinet of `.sdp` documents with an `update_manifest.json` (V2, V3). Elements
//! are told by namespace and local name, never by prefix. A package that does not hold together is
//! `Frame::Rejected` and the rest goes on; a document that is not well-formed is worth nothing as a whole.

mod bounded;
mod cabinet;
mod document;
mod element;
mod files;
mod frames;
mod handler;
mod item;
mod namespace;
mod package;
mod rule;
mod value;

use std::io::{BufReader, Read};

use crate::{FeedError, Limits, Sink};
use document::Document;
use frames::Frames;

/// Reads a catalogue: a cabinet or a bare XML document, whichever the first bytes say. `name` is what errors call it.
///
/// # Errors
/// The catalogue as a whole is refused; see [`FeedError`].
///
/// [`Frame::Rejected`]: patchwharf_model::catalogue::Frame::Rejected
pub fn read(name: &str, mut input: impl Read, limits: &Limits, sink: Sink<'_>) -> Result<(), FeedError> {
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic).map_err(|error| FeedError::from_io(name, 0, error))?;
    let unsupported = |reason: &str| FeedError::Unsupported { what: name.to_owned(), reason: reason.to_owned() };
    let is_cabinet = magic == *b"MSCF";
    match magic.as_slice() {
        [] => return Err(FeedError::Truncated { what: name.to_owned(), offset: 0 }),
        [0x1f, 0x8b, ..] => return Err(unsupported("it is gzip; unpack it first")),
        [b'P', b'K', ..] => return Err(unsupported("it is a zip archive; unpack it first")),
        begin if !is_cabinet && !may_be_xml(begin) => {
            let reason = format!(
                "it is neither a cabinet nor XML: it begins with {:?}; is this the address of the catalogue itself?",
                begin.escape_ascii().to_string()
            );
            return Err(unsupported(&reason));
        }
        _ => {}
    }
    let input = std::io::Cursor::new(magic).chain(input);
    let mut frames = Frames::begin(limits, sink)?;
    if is_cabinet {
        cabinet::read(name, input, limits, &mut frames)?;
    } else {
        Document::open(name, BufReader::with_capacity(64 * 1024, input), limits)?
            .packages(&mut |package| frames.package(name, &package))?;
    }
    frames.end()
}

/// Whether a document in UTF-8 or UTF-16, with or without a mark, can begin so.
fn may_be_xml(begin: &[u8]) -> bool {
    let marked =
        begin.starts_with(&[0xef, 0xbb, 0xbf]) || begin.starts_with(&[0xff, 0xfe]) || begin.starts_with(&[0xfe, 0xff]);
    marked || begin.iter().find(|byte| **byte != 0).is_some_and(|byte| *byte == b'<' || byte.is_ascii_whitespace())
}
