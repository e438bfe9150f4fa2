//! Cabinets written field by field, so that any field can lie.

#[derive(Clone)]
pub(crate) struct Folder {
    /// Offset of the first block; none: where it really is.
    pub(crate) offset: Option<u32>,
    pub(crate) blocks: u16,
    pub(crate) kind: u16,
    pub(crate) data: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct File {
    pub(crate) name: Vec<u8>,
    pub(crate) size: u32,
    pub(crate) start: u32,
    pub(crate) folder: u16,
}

#[derive(Clone, Default)]
pub(crate) struct RawCabinet {
    pub(crate) flags: u16,
    pub(crate) files_offset: Option<u32>,
    pub(crate) file_count: Option<u16>,
    pub(crate) folders: Vec<Folder>,
    pub(crate) files: Vec<File>,
}

/// A stored block without checksum.
pub(crate) fn stored(bytes: &[u8]) -> Vec<u8> {
    block(bytes, u16::try_from(bytes.len()).unwrap())
}

pub(crate) fn block(packed: &[u8], unpacked: u16) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(u16::try_from(packed.len()).unwrap().to_le_bytes());
    out.extend(unpacked.to_le_bytes());
    out.extend(packed);
    out
}

pub(crate) fn folder(data: Vec<u8>, blocks: u16) -> Folder {
    Folder { offset: None, blocks, kind: 0, data }
}

pub(crate) fn file(name: &str, start: u32, size: u32) -> File {
    File { name: name.as_bytes().to_vec(), size, start, folder: 0 }
}

impl RawCabinet {
    /// One stored folder of one block.
    pub(crate) fn of(bytes: &[u8], files: Vec<File>) -> Self {
        Self { folders: vec![folder(stored(bytes), 1)], files, ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let directory: usize = 36 + 8 * self.folders.len();
        let names: usize = self.files.iter().map(|file| 16 + file.name.len() + 1).sum();
        let data: usize = self.folders.iter().map(|folder| folder.data.len()).sum();
        let mut out = b"MSCF\0\0\0\0".to_vec();
        out.extend(u32::try_from(directory + names + data).unwrap().to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.files_offset.unwrap_or(directory as u32).to_le_bytes());
        out.extend([0, 0, 0, 0, 3, 1]);
        out.extend(u16::try_from(self.folders.len()).unwrap().to_le_bytes());
        out.extend(self.file_count.unwrap_or(u16::try_from(self.files.len()).unwrap()).to_le_bytes());
        out.extend(self.flags.to_le_bytes());
        out.extend([0; 4]);
        let mut at = directory + names;
        for folder in &self.folders {
            out.extend(folder.offset.unwrap_or(at as u32).to_le_bytes());
            out.extend(folder.blocks.to_le_bytes());
            out.extend(folder.kind.to_le_bytes());
            at += folder.data.len();
        }
        for file in &self.files {
            out.extend(file.size.to_le_bytes());
            out.extend(file.start.to_le_bytes());
            out.extend(file.folder.to_le_bytes());
            out.extend([0; 6]);
            out.extend(&file.name);
            out.push(0);
        }
        for folder in &self.folders {
            out.extend(&folder.data);
        }
        out
    }
}
