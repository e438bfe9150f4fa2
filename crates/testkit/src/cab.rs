//! A writer of cabinet files (MS-CAB): stored, MSZIP and LZX, one folder, streaming.
//!
//! Small and honest; broken cabinets are made by damaging its output.

mod lzx;

use std::io::{self, Cursor, Seek, SeekFrom, Write};

use flate2::{Compress, Compression, FlushCompress, Status};

/// How blocks are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As they are.
    Stored,
    /// MSZIP: each block deflated by itself.
    Mszip,
    /// LZX with a window of 32 KiB: verbatim blocks with matches.
    Lzx,
}

impl Method {
    /// What `typeCompress` of the folder says (MS-CAB 2.3).
    fn code(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Mszip => 1,
            Self::Lzx => 3 | 15 << 8,
        }
    }
}

const BLOCK_BYTES: usize = 32 * 1024;
const HEADER_BYTES: u32 = 36;
const FOLDER_BYTES: u32 = 8;
const DOS_DATE: u16 = ((2026 - 1980) << 9) | (11 << 5) | 22;

/// A cabinet of small files in memory.
#[must_use]
pub fn cabinet(method: Method, files: &[(&str, &[u8])]) -> Vec<u8> {
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let mut writer = Writer::new(Cursor::new(Vec::new()), method, &names).expect("memory");
    for (_, bytes) in files {
        writer.file(|out| out.write_all(bytes)).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

/// The same with every checksum taken out (0 means none), so that an edit of a block reaches its decoder.
#[must_use]
pub fn without_checksums(mut cabinet: Vec<u8>) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let folder = HEADER_BYTES as usize;
    let mut at = word(&cabinet, folder) + (word(&cabinet, folder + 2) << 16);
    for _ in 0..word(&cabinet, folder + 4) {
        cabinet[at..at + 4].fill(0);
        at += 8 + word(&cabinet, at + 4);
    }
    cabinet
}

/// Writes the files that `names` announced one after the other.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    method: Method,
    names: Vec<String>,
    sizes: Vec<u32>,
    block: Vec<u8>,
    blocks: u16,
    unpacked: u64,
    lzx: lzx::Packer,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a cabinet with these files.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(mut out: W, method: Method, names: &[&str]) -> io::Result<Self> {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let size = data_offset(&names);
        out.write_all(&vec![0; size as usize])?;
        let lzx = lzx::Packer::default();
        Ok(Self { out, method, names, sizes: Vec::new(), block: Vec::new(), blocks: 0, unpacked: 0, lzx })
    }

    /// Writes the next file.
    ///
    /// # Errors
    /// When `out` cannot be written, or `content` fails.
    pub fn file(&mut self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let before = self.unpacked;
        content(self)?;
        self.sizes.push(u32::try_from(self.unpacked - before).map_err(io::Error::other)?);
        Ok(())
    }

    /// Writes the tables at the front.
    ///
    /// # Errors
    /// When `out` cannot be written, or not all announced files came.
    pub fn finish(mut self) -> io::Result<W> {
        if self.sizes.len() != self.names.len() {
            return Err(io::Error::other("a file that was announced is missing"));
        }
        self.end_block()?;
        let length = self.out.stream_position()?;
        let mut front = Vec::new();
        front.extend_from_slice(b"MSCF\0\0\0\0");
        front.extend(u32::try_from(length).map_err(io::Error::other)?.to_le_bytes());
        front.extend([0; 4]);
        front.extend((HEADER_BYTES + FOLDER_BYTES).to_le_bytes());
        front.extend([0, 0, 0, 0, 3, 1]);
        front.extend(1u16.to_le_bytes());
        front.extend(u16::try_from(self.names.len()).map_err(io::Error::other)?.to_le_bytes());
        front.extend([0; 6]);
        front.extend(data_offset(&self.names).to_le_bytes());
        front.extend(self.blocks.to_le_bytes());
        front.extend(self.method.code().to_le_bytes());
        let mut offset = 0u32;
        for (name, size) in self.names.iter().zip(&self.sizes) {
            let attributes: u16 = if name.is_ascii() { 0x20 } else { 0xa0 };
            front.extend(size.to_le_bytes());
            front.extend(offset.to_le_bytes());
            front.extend(0u16.to_le_bytes());
            front.extend(DOS_DATE.to_le_bytes());
            front.extend(0u16.to_le_bytes());
            front.extend(attributes.to_le_bytes());
            front.extend(name.as_bytes());
            front.push(0);
            offset += size;
        }
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&front)?;
        self.out.seek(SeekFrom::Start(length))?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let data = match self.method {
            Method::Stored => self.block.clone(),
            Method::Mszip => deflated(&self.block)?,
            Method::Lzx => self.lzx.block(&self.block),
        };
        let mut sizes = Vec::new();
        sizes.extend((data.len() as u16).to_le_bytes());
        sizes.extend((self.block.len() as u16).to_le_bytes());
        let sum = checksum(&sizes, checksum(&data, 0));
        self.out.write_all(&sum.to_le_bytes())?;
        self.out.write_all(&sizes)?;
        self.out.write_all(&data)?;
        self.blocks = self.blocks.checked_add(1).ok_or_else(|| io::Error::other("more than 65,535 blocks"))?;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write + Seek> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        self.unpacked += taken as u64;
        if self.block.len() == BLOCK_BYTES {
            self.end_block()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn data_offset(names: &[String]) -> u32 {
    HEADER_BYTES + FOLDER_BYTES + names.iter().map(|name| 16 + name.len() as u32 + 1).sum::<u32>()
}

fn deflated(block: &[u8]) -> io::Result<Vec<u8>> {
    let mut data = Vec::with_capacity(BLOCK_BYTES + 100);
    data.extend_from_slice(b"CK");
    match Compress::new(Compression::default(), false).compress_vec(block, &mut data, FlushCompress::Finish)? {
        Status::StreamEnd => Ok(data),
        _ => Err(io::Error::other("a block does not fit")),
    }
}

/// MS-CAB 2.6: exclusive or of little-endian words; what is left over counts as a big-endian number.
fn checksum(data: &[u8], seed: u32) -> u32 {
    let (words, rest) = data.as_chunks::<4>();
    let sum = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    sum ^ rest.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::Payload;

    #[test]
    fn another_program_unpacks_what_was_packed() {
        if Command::new("cabextract").arg("--version").output().is_err() {
            return crate::skipped("cabextract is not installed");
        }
        let text = "some text that repeats itself; ".repeat(5000);
        let noise = Payload::random("noise", 100_001);
        for method in [Method::Stored, Method::Mszip, Method::Lzx] {
            let cab = cabinet(method, &[("a/text.txt", text.as_bytes()), ("empty", b""), ("noise", &noise.bytes)]);
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("x.cab"), cab).unwrap();
            let ran = Command::new("cabextract").args(["-q", "x.cab"]).current_dir(&folder).output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            assert_eq!(std::fs::read(folder.path().join("a/text.txt")).unwrap(), text.as_bytes());
            assert_eq!(std::fs::read(folder.path().join("noise")).unwrap(), noise.bytes);
            assert_eq!(std::fs::read(folder.path().join("empty")).unwrap(), b"");
        }
    }

    #[test]
    fn what_repeats_itself_gets_smaller() {
        let text = "some text that repeats itself; ".repeat(5000);
        for method in [Method::Mszip, Method::Lzx] {
            let packed = cabinet(method, &[("text.txt", text.as_bytes())]);
            assert!(packed.len() < text.len() / 20, "{method:?}: {} of {} bytes", packed.len(), text.len());
        }
    }
}
