//! A log of everything that was written to a block device, in the format of the kernel's `dm-log-writes`, and the disk
//! that a power cut would have left.
//!
//! The log begins with one sector of `struct log_write_super`: magic, version, number of entries (64 bits each) and bytes
//! in a sector (32 bits), all little endian. Then entry follows entry, in the order in which the writes ended: one sector
//! of `struct log_write_entry` (sector, number of sectors, flags, length of a mark; 64 bits each), and what was written.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use crate::Chance;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
/// Everything whose end was reported before is durable.
const FLUSH: u64 = 1;
/// This write is durable when its end is reported.
const FUA: u64 = 2;
/// What the sectors hold is of no interest any more; no data follows.
const DISCARD: u64 = 4;
/// A note in the log; its text follows, nothing was written.
const MARK: u64 = 8;
/// What disks of today write as a whole or not at all.
const PIECE: usize = 4096;

/// What a power cut leaves of the writes that no flush made durable.
#[derive(Debug)]
pub enum Unflushed<'a> {
    /// Nothing.
    Lost,
    /// Everything: no more than the process was killed.
    Kept,
    /// Some: each write by chance, or each 4 KiB of each.
    Some(&'a mut Chance),
}

#[derive(Debug)]
struct Entry {
    /// Where it begins and ends in the log.
    start: u64,
    end: u64,
    flags: u64,
    /// Where on the disk, how much, and where that lies in the log.
    to: u64,
    length: u64,
    from: u64,
}

/// A log, read. A position in it is a number of bytes from its beginning.
#[derive(Debug)]
pub(super) struct WriteLog {
    file: File,
    entries: Vec<Entry>,
}

impl WriteLog {
    /// Reads the headers of all entries.
    ///
    /// # Errors
    /// It is no such log, or it ends in the middle of an entry.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut first = [0; 28];
        file.read_exact_at(&mut first, 0)?;
        let sector = u64::from(u32::from_le_bytes(first[24..].try_into().expect("4 bytes")));
        if word(&first, 0) != MAGIC || word(&first, 1) != VERSION || sector < 32 {
            return Err(invalid(format!("{}: no write log of version {VERSION}", path.display())));
        }
        let length = file.metadata()?.size();
        let mut entries = Vec::new();
        let mut start = sector;
        while start < length {
            let mut header = [0; 32];
            file.read_exact_at(&mut header, start)?;
            let flags = word(&header, 2);
            let follows = match flags {
                _ if flags & MARK != 0 => word(&header, 3).next_multiple_of(sector),
                _ if flags & DISCARD != 0 => 0,
                _ => word(&header, 1) * sector,
            };
            let written = if flags & MARK == 0 { follows } else { 0 };
            let (from, end) = (start + sector, start + sector + follows);
            if end > length || header == [0; 32] {
                return Err(invalid(format!("{}: entry {} at {start} is not whole", path.display(), entries.len())));
            }
            entries.push(Entry { start, end, flags, to: word(&header, 0) * sector, length: written, from });
            start = end;
        }
        if (entries.len() as u64) < word(&first, 2) {
            return Err(invalid(format!("{}: {} of {} entries", path.display(), entries.len(), word(&first, 2))));
        }
        Ok(Self { file, entries })
    }

    /// The position before each flush that made something durable, and the end of the log.
    pub(super) fn flushes(&self) -> Vec<u64> {
        let mut positions = Vec::new();
        let mut dirty = false;
        for entry in &self.entries {
            if entry.flags & FLUSH != 0 && std::mem::take(&mut dirty) {
                positions.push(entry.start);
            }
            dirty |= entry.length > 0;
        }
        positions.extend(self.entries.last().filter(|_| dirty).map(|entry| entry.end));
        positions
    }

    /// Does to `disk`, which is as it was when the log began, what a power cut at this position leaves done.
    pub(super) fn replay(&self, disk: &File, position: u64, unflushed: &mut Unflushed<'_>) -> io::Result<()> {
        let before = self.entries.partition_point(|entry| entry.end <= position);
        let durable = self.entries[..before].iter().rposition(|entry| entry.flags & FLUSH != 0).unwrap_or(0);
        let by_piece = if let Unflushed::Some(chance) = unflushed { chance.once_in(2) } else { false };
        for (number, entry) in self.entries[..before].iter().enumerate() {
            let mut data = vec![0; usize::try_from(entry.length).expect("a write fits into memory")];
            self.file.read_exact_at(&mut data, entry.from)?;
            let piece = if by_piece { PIECE } else { data.len().max(1) };
            for (index, bytes) in data.chunks(piece).enumerate() {
                let stays = match unflushed {
                    _ if number < durable || entry.flags & FUA != 0 => true,
                    Unflushed::Lost => false,
                    Unflushed::Kept => true,
                    Unflushed::Some(chance) => chance.once_in(2),
                };
                if stays {
                    disk.write_all_at(bytes, entry.to + (index * piece) as u64)?;
                }
            }
        }
        Ok(())
    }
}

fn word(bytes: &[u8], index: usize) -> u64 {
    u64::from_le_bytes(bytes[index * 8..index * 8 + 8].try_into().expect("8 bytes"))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests;
