//! Data blocks (MS-CAB 2.4, CFDATA).

use std::io::Read;

use super::{
    checksum::checksum,
    directory::{Compression, Folder},
    source::Source,
};
use crate::FeedError;

/// What a block unpacks to at most.
pub(super) const MOST_UNPACKED_BYTES: u16 = 32 * 1024;
/// What MSZIP and LZX may add to bytes that do not get smaller.
const MOST_GROWTH_BYTES: u16 = 6 * 1024;

pub(super) struct Block {
    pub(super) packed: Vec<u8>,
    pub(super) unpacked_bytes: u16,
}

struct Head {
    checksum: u32,
    packed_bytes: u16,
    unpacked_bytes: u16,
    reserve: Vec<u8>,
}

impl Head {
    fn read<R: Read>(source: &mut Source<R>, folder: &Folder) -> Result<Self, FeedError> {
        let checksum = source.u32()?;
        let packed_bytes = source.u16()?;
        let unpacked_bytes = source.u16()?;
        let mut reserve = vec![0; folder.reserve.into()];
        source.bytes(&mut reserve)?;
        let stored_differs = folder.compression == Compression::Stored && packed_bytes != unpacked_bytes;
        if !(1..=MOST_UNPACKED_BYTES).contains(&unpacked_bytes)
            || packed_bytes == 0
            || packed_bytes > MOST_UNPACKED_BYTES + MOST_GROWTH_BYTES
            || stored_differs
        {
            let reason = format!("a block of {packed_bytes} bytes is to unpack to {unpacked_bytes}");
            return Err(source.malformed(reason));
        }
        Ok(Self { checksum, packed_bytes, unpacked_bytes, reserve })
    }
}

/// Reads the next block and compares its checksum (0 means that it has none).
pub(super) fn read<R: Read>(source: &mut Source<R>, folder: &Folder) -> Result<Block, FeedError> {
    let head = Head::read(source, folder)?;
    let mut packed = vec![0; head.packed_bytes.into()];
    source.bytes(&mut packed)?;
    let mut sizes = Vec::with_capacity(4 + head.reserve.len());
    sizes.extend(head.packed_bytes.to_le_bytes());
    sizes.extend(head.unpacked_bytes.to_le_bytes());
    sizes.extend(&head.reserve);
    let found = checksum(&sizes, checksum(&packed, 0));
    if head.checksum != 0 && head.checksum != found {
        return Err(source.damaged(format!("a block's checksum is {found:08x} and should be {:08x}", head.checksum)));
    }
    Ok(Block { packed, unpacked_bytes: head.unpacked_bytes })
}

/// Passes over the next block.
pub(super) fn skip<R: Read>(source: &mut Source<R>, folder: &Folder) -> Result<(), FeedError> {
    let head = Head::read(source, folder)?;
    source.skip(head.packed_bytes.into())
}
