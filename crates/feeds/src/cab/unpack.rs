//! From packed blocks to bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::{Decompress, FlushDecompress, Status};
use lzxd::Lzxd;

use super::{
    block::{Block, MOST_UNPACKED_BYTES},
    directory::Compression,
    source::Source,
};
use crate::FeedError;

/// Unpacks the blocks of one folder in their order.
pub(super) struct Unpacker {
    method: Method,
    unpacked: Vec<u8>,
}

enum Method {
    Stored,
    Mszip(Decompress),
    Lzx(Box<Lzxd>),
}

impl Unpacker {
    pub(super) fn new(compression: Compression) -> Self {
        let method = match compression {
            Compression::Stored => Method::Stored,
            Compression::Mszip => Method::Mszip(Decompress::new(false)),
            Compression::Lzx(window) => Method::Lzx(Box::new(Lzxd::new(window))),
        };
        Self { method, unpacked: Vec::new() }
    }

    /// The block that was unpacked last.
    pub(super) fn block(&self) -> &[u8] {
        &self.unpacked
    }

    pub(super) fn unpack<R>(&mut self, source: &Source<R>, block: &Block) -> Result<(), FeedError> {
        let length = usize::from(block.unpacked_bytes);
        let broken = |reason: String| source.malformed(format!("a block does not unpack: {reason}"));
        match &mut self.method {
            Method::Stored => self.unpacked.clone_from(&block.packed),
            Method::Mszip(inflate) => {
                self.unpacked = mszip(inflate, &self.unpacked, &block.packed, length).map_err(broken)?;
            }
            Method::Lzx(lzx) => {
                // The decoder believes match offsets, which overflow its arithmetic in broken input: in a build with
                // overflow checks that is a panic, and no more than a broken block to us.
                let unpack = AssertUnwindSafe(|| lzx.decompress_next(&block.packed, length).map(<[u8]>::to_vec));
                self.unpacked = match catch_unwind(unpack) {
                    Ok(result) => result.map_err(|error| broken(error.to_string()))?,
                    Err(_) => return Err(broken("a match lies outside the window".to_owned())),
                };
            }
        }
        if self.unpacked.len() != length {
            return Err(broken(format!("{} bytes come out and should be {length}", self.unpacked.len())));
        }
        Ok(())
    }
}

/// One MSZIP block: `CK` and a deflate stream that may refer to the block before it. `flate2` offers no dictionary for
/// raw deflate with its own back end, so the last block goes ahead as a stored deflate block.
fn mszip(inflate: &mut Decompress, last: &[u8], packed: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let Some(packed) = packed.strip_prefix(b"CK") else { return Err("it lacks MSZIP's mark".to_owned()) };
    inflate.reset(false);
    let mut unpacked = Vec::with_capacity(usize::from(MOST_UNPACKED_BYTES).max(last.len()) + 1);
    if !last.is_empty() {
        let size = u16::try_from(last.len()).map_err(|_| "the block before it is too long".to_owned())?;
        let mut stored = vec![0];
        stored.extend(size.to_le_bytes());
        stored.extend((!size).to_le_bytes());
        stored.extend(last);
        inflate
            .decompress_vec(&stored, &mut unpacked, FlushDecompress::None)
            .map_err(|error| format!("the block before it is not taken: {error}"))?;
        unpacked.clear();
    }
    let status =
        inflate.decompress_vec(packed, &mut unpacked, FlushDecompress::Finish).map_err(|error| error.to_string())?;
    if status != Status::StreamEnd || unpacked.len() != length {
        return Err(format!("its stream ends after {} bytes and should give {length}", unpacked.len()));
    }
    Ok(unpacked)
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacker").field("block_bytes", &self.unpacked.len()).finish_non_exhaustive()
    }
}
