//! Cabinet files (MS-CAB), read in one pass.
//!
//! Catalogues come as cabinets of up to 2 GiB, so nothing but the directory and one block of 32 KiB is ever in memory.
//! Members come in the order of their bytes, not of the directory. A cabinet that can be read in two ways is refused:
//! overlapping members or folders, names that occur twice, sizes that the folder cannot hold.
//!
//! Signed cabinets are read like others; what the signature is worth is not looked at here. One cabinet of a set that
//! spans several is refused.

mod block;
mod checksum;
mod directory;
mod source;
mod unpack;

use std::io::{self, BufRead, Read};

use crate::{FeedError, Limits};
use directory::Folder;
use source::Source;
use unpack::Unpacker;

/// A file in a cabinet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name as the cabinet gives it: data, never a path to write to.
    pub name: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Where it begins in the unpacked folder.
    start: u64,
}

/// A cabinet that is being read.
#[derive(Debug)]
pub struct Cabinet<R> {
    source: Source<R>,
    limits: Limits,
    /// Folders that are not begun, last first; in each the members that are not begun, last first.
    folders: Vec<Folder>,
    current: Option<Current>,
    unpacked_bytes: u64,
}

/// The folder that is being read.
#[derive(Debug)]
struct Current {
    folder: Folder,
    unpacker: Unpacker,
    /// Where the unpacked block begins in the unpacked folder, and what of it is used up.
    block_start: u64,
    used: usize,
    /// What is left of the member that is being read.
    member_left: u64,
}

impl<R: Read> Cabinet<R> {
    /// Reads the directory of a cabinet. `name` is what errors call it.
    ///
    /// # Errors
    /// It is no cabinet, is cut off, breaks the limits, or can be read in two ways.
    pub fn open(name: &str, input: R, limits: &Limits) -> Result<Self, FeedError> {
        let mut source = Source::new(name, input);
        let mut folders = directory::read(&mut source, limits)?;
        folders.reverse();
        Ok(Self { source, limits: limits.clone(), folders, current: None, unpacked_bytes: 0 })
    }

    /// Goes on to the next member. What was not read of the last one is passed over.
    ///
    /// # Errors
    /// The cabinet is cut off, damaged, broken or larger than allowed.
    pub fn next_member(&mut self) -> Result<Option<Member<'_, R>>, FeedError> {
        loop {
            if let Some(current) = &mut self.current {
                let Some(entry) = current.folder.entries.pop() else {
                    self.end_folder()?;
                    continue;
                };
                current.member_left = entry.size_bytes;
                self.skip_to(entry.start)?;
                return Ok(Some(Member { entry, cabinet: self }));
            }
            let Some(folder) = self.folders.pop() else { return Ok(None) };
            self.source.advance_to(folder.offset)?;
            let unpacker = Unpacker::new(folder.compression);
            self.current = Some(Current { folder, unpacker, block_start: 0, used: 0, member_left: 0 });
        }
    }

    /// Passes over the blocks that no member needs, so that a folder that begins inside another is seen.
    fn end_folder(&mut self) -> Result<(), FeedError> {
        if let Some(current) = self.current.take() {
            for _ in 0..current.folder.blocks {
                block::skip(&mut self.source, &current.folder)?;
            }
        }
        Ok(())
    }

    fn skip_to(&mut self, position: u64) -> Result<(), FeedError> {
        while let Some(current) = &mut self.current {
            let in_block = position.saturating_sub(current.block_start);
            if in_block <= current.unpacker.block().len() as u64 {
                current.used = usize::try_from(in_block).unwrap_or(usize::MAX);
                break;
            }
            self.next_block()?;
        }
        Ok(())
    }

    fn next_block(&mut self) -> Result<(), FeedError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if current.folder.blocks == 0 {
            return Err(self.source.malformed("a member goes on past the end of its folder"));
        }
        current.folder.blocks -= 1;
        current.block_start += current.unpacker.block().len() as u64;
        current.used = 0;
        let block = block::read(&mut self.source, &current.folder)?;
        self.unpacked_bytes += u64::from(block.unpacked_bytes);
        let most = self.source.offset().saturating_mul(self.limits.expansion_ratio).max(self.limits.ratio_floor_bytes);
        if self.unpacked_bytes > most {
            return Err(self.source.limit("expansion of packed bytes", self.limits.expansion_ratio));
        }
        current.unpacker.unpack(&self.source, &block)
    }
}

/// A member that is being read. Errors that come out as [`io::Error`] carry a [`FeedError`].
#[derive(Debug)]
pub struct Member<'a, R> {
    entry: Entry,
    cabinet: &'a mut Cabinet<R>,
}

impl<R> Member<'_, R> {
    /// What the directory says of it.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl<R: Read> BufRead for Member<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let exhausted = |current: &Current| current.used >= current.unpacker.block().len();
        if self.cabinet.current.as_ref().is_some_and(|current| current.member_left > 0 && exhausted(current)) {
            self.cabinet.next_block()?;
        }
        let Some(current) = &self.cabinet.current else { return Ok(&[]) };
        let rest = current.unpacker.block().get(current.used..).unwrap_or_default();
        let most = usize::try_from(current.member_left).unwrap_or(usize::MAX).min(rest.len());
        Ok(&rest[..most])
    }

    fn consume(&mut self, amount: usize) {
        if let Some(current) = &mut self.cabinet.current {
            current.used += amount;
            current.member_left = current.member_left.saturating_sub(amount as u64);
        }
    }
}

impl<R: Read> Read for Member<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let amount = available.len().min(buffer.len());
        buffer[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}
