//! Taking a file of this machine (given by hand, or of an archive in a folder) by the rules of a download.

use std::{
    fs::File,
    io::{self, Read as _},
    sync::Arc,
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_store::{Expected, Location, Partial, PartialError, Source, Verified};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// Copies an open file into a location's `.staging`, hashed on the way. `path` is for texts. Blocks.
///
/// # Errors
/// The bytes are not those that are pinned, or a disk failed.
pub(crate) fn take(
    mut file: File,
    path: &Utf8Path,
    location: &Arc<Location>,
    expected: Expected,
) -> Result<Verified, TakeError> {
    let read = |source| TakeError::Read { path: path.to_owned(), source };
    if !file.metadata().map_err(read)?.is_file() {
        return Err(read(io::Error::other("it is no file")));
    }
    let mut partial = Partial::open(location, expected)?;
    partial.begin(Source::default(), 0)?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).map_err(read)? {
            0 => return Ok(partial.finish()?),
            length => partial.write(&piece[..length])?,
        }
    }
}

/// Why a file of this machine was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Where it lies.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not the file, or cannot be written.
    #[error(transparent)]
    Partial(#[from] PartialError),
}

impl TakeError {
    /// Whether the file was read and is not what the catalogue names.
    pub(crate) fn is_another(&self) -> bool {
        use PartialError::{TooLong, TooShort, WrongSha1, WrongSha256};
        matches!(self, Self::Partial(TooLong { .. } | TooShort { .. } | WrongSha1 { .. } | WrongSha256 { .. }))
    }
}
