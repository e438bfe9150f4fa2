//! `meta.json` beside the bytes of a file on its way.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    os::fd::{AsFd as _, BorrowedFd},
};

use serde::{Deserialize, Serialize};

use super::Source;
use crate::{disk::Disk, folder, layout, write};

const MAX_BYTES: u64 = 64 * 1024;

/// What a later process needs to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Meta {
    /// Where the bytes come from.
    pub(super) source: Source,
    /// So many bytes survive a power cut.
    pub(super) durable_bytes: u64,
    /// The boot in which the rest was written: as long as it lasts, a killed server loses nothing.
    pub(super) boot: String,
}

impl Meta {
    /// Reads it; anything wrong with it means that there is nothing to resume.
    pub(super) fn read(folder: BorrowedFd<'_>) -> Option<Self> {
        let mut text = Vec::new();
        folder::file(folder, layout::PARTIAL_META).ok()?.take(MAX_BYTES).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes it over what was there. A torn one is no JSON and is not believed.
    pub(super) fn write(&self, disk: &dyn Disk, folder: BorrowedFd<'_>) -> io::Result<File> {
        let mut file = match disk.create(folder, layout::PARTIAL_META) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let file = folder::file_for_writing(folder.as_fd(), layout::PARTIAL_META)?;
                disk.truncate(&file, 0)?;
                file
            }
            other => other?,
        };
        file.rewind()?;
        write::all(disk, &file, &serde_json::to_vec(self)?)?;
        Ok(file)
    }
}

/// Names this boot of the machine; empty where the system does not say, and then equal to nothing.
pub(super) fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}
