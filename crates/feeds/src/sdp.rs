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
