//! Header, folders and files of a cabinet (MS-CAB 2.1 to 2.3).

use std::{collections::HashSet, io::Read};

use super::{Entry, block::MOST_UNPACKED_BYTES, source::Source};
use crate::{FeedError, Limits};

const HAS_PREVIOUS: u16 = 1;
const HAS_NEXT: u16 = 2;
const HAS_RESERVE: u16 = 4;
/// From here on, a folder's number means that the file is continued from or in another cabinet.
const FIRST_CONTINUED: u16 = 0xfffd;
const NAME_IS_UTF8: u16 = 0x80;
const MOST_NAME_BYTES: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Stored,
    Mszip,
    Lzx(lzxd::WindowSize),
}

#[derive(Debug)]
pub(super) struct Folder {
    /// Where its blocks begin.
    pub(super) offset: u64,
    /// Blocks that are not read yet.
    pub(super) blocks: u16,
    pub(super) compression: Compression,
    /// Bytes that each block reserves.
    pub(super) reserve: u8,
    /// The members in it, last first.
    pub(super) entries: Vec<Entry>,
}

/// Reads the directory. Folders come in the order of their bytes; those that no member lies in are left out.
pub(super) fn read<R: Read>(source: &mut Source<R>, limits: &Limits) -> Result<Vec<Folder>, FeedError> {
    let header = Header::read(source)?;
    if u64::from(header.files) > limits.members {
        return Err(source.limit("number of members", limits.members));
    }
    let mut folders = Vec::new();
    for _ in 0..header.folders {
        folders.push(folder(source, &header)?);
    }
    source.advance_to(header.files_offset)?;
    let mut names = HashSet::new();
    let mut total: u64 = 0;
    for _ in 0..header.files {
        let (index, entry) = file(source)?;
        let Some(folder) = folders.get_mut(usize::from(index)) else {
            return Err(source.malformed(format!("{:?} lies in folder {index}, which does not exist", entry.name)));
        };
        if entry.start + entry.size_bytes > u64::from(folder.blocks) * u64::from(MOST_UNPACKED_BYTES) {
            return Err(source.malformed(format!("{:?} is larger than its folder can be", entry.name)));
        }
        if !names.insert(entry.name.to_lowercase()) {
            return Err(source.malformed(format!("it has two members named {:?}", entry.name)));
        }
        total += entry.size_bytes;
        if total > limits.unpacked_bytes {
            return Err(source.limit("size of all members", limits.unpacked_bytes));
        }
        folder.entries.push(entry);
    }
    for folder in &mut folders {
        sort(source, folder)?;
    }
    folders.retain(|folder| !folder.entries.is_empty());
    folders.sort_by_key(|folder| folder.offset);
    Ok(folders)
}

struct Header {
    files_offset: u64,
    folders: u16,
    files: u16,
    folder_reserve: u8,
    block_reserve: u8,
}

impl Header {
    fn read<R: Read>(source: &mut Source<R>) -> Result<Self, FeedError> {
        if &source.array()? != b"MSCF" {
            return Err(source.malformed("it is no cabinet: it does not begin with MSCF"));
        }
        source.skip(4)?;
        let length = source.u32()?;
        source.skip(4)?;
        let files_offset = source.u32()?;
        source.skip(4)?;
        let [minor, major] = source.array()?;
        if major != 1 {
            return Err(source.unsupported(format!("it is a cabinet of version {major}.{minor}; only 1.3 is read")));
        }
        let folders = source.u16()?;
        let files = source.u16()?;
        let flags = source.u16()?;
        source.skip(4)?;
        if flags & (HAS_PREVIOUS | HAS_NEXT) != 0 {
            return Err(source.unsupported("it is one of a set of cabinets; give the catalogue as a single one"));
        }
        let (mut folder_reserve, mut block_reserve) = (0, 0);
        if flags & HAS_RESERVE != 0 {
            let header_reserve = source.u16()?;
            folder_reserve = source.u8()?;
            block_reserve = source.u8()?;
            source.skip(header_reserve.into())?;
        }
        source.end_at(length.into());
        Ok(Self { files_offset: files_offset.into(), folders, files, folder_reserve, block_reserve })
    }
}

fn folder<R: Read>(source: &mut Source<R>, header: &Header) -> Result<Folder, FeedError> {
    let offset = source.u32()?.into();
    let blocks = source.u16()?;
    let kind = source.u16()?;
    source.skip(header.folder_reserve.into())?;
    let compression = match kind & 0xf {
        0 => Compression::Stored,
        1 => Compression::Mszip,
        3 => Compression::Lzx(window(kind >> 8).ok_or_else(|| {
            source.malformed(format!("an LZX window of 2^{} bytes; 2^15 to 2^21 are allowed", kind >> 8))
        })?),
        other => {
            let method = if other == 2 { "Quantum".to_owned() } else { format!("method {other}") };
            return Err(source.unsupported(format!("it is packed by {method}; none, MSZIP and LZX are read")));
        }
    };
    Ok(Folder { offset, blocks, compression, reserve: header.block_reserve, entries: Vec::new() })
}

fn window(bits: u16) -> Option<lzxd::WindowSize> {
    use lzxd::WindowSize as W;
    let sizes = [W::KB32, W::KB64, W::KB128, W::KB256, W::KB512, W::MB1, W::MB2];
    sizes.get(usize::from(bits.checked_sub(15)?)).copied()
}

fn file<R: Read>(source: &mut Source<R>) -> Result<(u16, Entry), FeedError> {
    let size_bytes = source.u32()?.into();
    let start = source.u32()?.into();
    let folder = source.u16()?;
    source.skip(4)?;
    let attributes = source.u16()?;
    let mut name = Vec::new();
    loop {
        match source.u8()? {
            0 => break,
            _ if name.len() == MOST_NAME_BYTES => {
                return Err(source.limit("length of a member's name", MOST_NAME_BYTES as u64));
            }
            byte => name.push(byte),
        }
    }
    let name = if attributes & NAME_IS_UTF8 != 0 {
        String::from_utf8_lossy(&name).into_owned()
    } else {
        name.into_iter().map(char::from).collect()
    };
    if folder >= FIRST_CONTINUED {
        return Err(source.unsupported(format!("{name:?} goes on in another cabinet; give the catalogue as one")));
    }
    Ok((folder, Entry { name, size_bytes, start }))
}

/// Puts the members in order, last first, and refuses those that share bytes.
fn sort<R>(source: &Source<R>, folder: &mut Folder) -> Result<(), FeedError> {
    folder.entries.sort_by_key(|entry| (entry.start, entry.size_bytes));
    for pair in folder.entries.windows(2) {
        if let [one, next] = pair
            && one.start + one.size_bytes > next.start
        {
            return Err(source.malformed(format!("{:?} and {:?} overlap", one.name, next.name)));
        }
    }
    folder.entries.reverse();
    Ok(())
}
