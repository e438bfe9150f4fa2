//! Reading back from the disk what was written to it: past the page cache, which would only repeat what we said.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use patchwharf_model::Sha256;
use patchwharf_trust::FileHasher;
use rustix::{
    fs::{Advice, Mode, OFlags, openat2},
    io::Errno,
};

use super::{
    PlaceError,
    batch::{Building, again},
    build::{Built, ToReread},
};
use crate::{
    DiskError, Location,
    disk::Disk,
    fault::{Mutant, mutant},
    folder, layout,
    threads::map,
};

/// Reads in flight at once: each waits for the device.
const THREADS: usize = 8;
/// Bytes read at once.
const BLOCK_BYTES: usize = 1 << 20;
/// What direct reads want buffers and offsets to be multiples of, on every device in use.
const ALIGNMENT: usize = 4096;

/// Reads back whatever the versions want read back, each inode once, and fails those whose bytes came back wrong.
pub(super) fn all(location: &Location, built: &mut [Building]) {
    let mut unique: HashMap<(u64, u64), (BorrowedFd<'_>, &ToReread)> = HashMap::new();
    for version in built.iter().flatten() {
        for file in &version.to_reread {
            unique.entry(file.inode).or_insert((version.folder.as_fd(), file));
        }
    }
    let looked: HashMap<(u64, u64), Result<Sha256, io::Error>> =
        map(unique.into_iter().collect(), THREADS, |(inode, (folder, file))| {
            (inode, read_back(location, folder, file))
        })
        .into_iter()
        .collect();
    for slot in built {
        let Ok(version) = slot else { continue };
        if let Some(wrong) = first_wrong(location, version, &looked) {
            *slot = Err(wrong);
        }
    }
}

fn first_wrong(
    location: &Location,
    version: &Built,
    looked: &HashMap<(u64, u64), Result<Sha256, io::Error>>,
) -> Option<PlaceError> {
    version.to_reread.iter().find_map(|file| {
        let path = || location.path().join(layout::version_path(version.package, version.version)).join(&file.name);
        match looked.get(&file.inode)? {
            Ok(found) if *found == file.sha256 => None,
            Ok(found) => Some(PlaceError::ReadBack { path: path(), expected: file.sha256, found: *found }),
            Err(error) => {
                let source = io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO));
                Some(again(&DiskError { attempt: "read back", path: path(), source }).into())
            }
        }
    })
}

/// The digest of a file as its disk has it. A wrong one is read once more before it is believed.
fn read_back(location: &Location, folder: BorrowedFd<'_>, file: &ToReread) -> io::Result<Sha256> {
    let disk = &*location.disk;
    let first = sha256(disk, folder, &file.name)?;
    if first == file.sha256 {
        return Ok(first);
    }
    tracing::warn!(name = file.name, expected = %file.sha256, found = %first, "a copy reads back wrong; it is read again");
    sha256(disk, folder, &file.name)
}

/// The digest of a file, read from the device where the file system lets us, else after its cached pages were dropped.
pub(crate) fn sha256(disk: &dyn Disk, folder: BorrowedFd<'_>, name: &str) -> io::Result<Sha256> {
    if mutant(Mutant::RereadFromCache) {
        return hash(disk, &folder::file(folder, name)?, &mut block());
    }
    match direct(disk, folder, name) {
        Err(e) if Errno::from_io_error(&e) == Some(Errno::INVAL) => {
            let file = folder::file(folder, name)?;
            rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
            hash(disk, &file, &mut block())
        }
        other => other,
    }
}

/// Whether files here can be read past the cache.
pub(crate) fn can_read_directly(disk: &dyn Disk, folder: BorrowedFd<'_>, name: &str) -> bool {
    direct(disk, folder, name).is_ok()
}

fn direct(disk: &dyn Disk, folder: BorrowedFd<'_>, name: &str) -> io::Result<Sha256> {
    let flags = OFlags::RDONLY | OFlags::DIRECT | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = openat2(folder, name, flags, Mode::empty(), folder::INSIDE)?;
    let mut memory = vec![0; BLOCK_BYTES + ALIGNMENT];
    let at = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    hash(disk, &file.into(), &mut memory[at..at + BLOCK_BYTES])
}

fn block() -> Vec<u8> {
    vec![0; BLOCK_BYTES]
}

fn hash(disk: &dyn Disk, file: &std::fs::File, block: &mut [u8]) -> io::Result<Sha256> {
    let (mut hasher, mut at) = (FileHasher::new(), 0);
    loop {
        match disk.read_at(file, block, at) {
            Ok(0) => return Ok(hasher.finish().sha256),
            Ok(n) => {
                hasher.update(&block[..n]);
                at += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::fd::AsFd as _;

    use patchwharf_trust::sha256 as of;

    use crate::disk::Native;

    #[test]
    fn files_of_any_length_read_back_as_they_are() {
        for base in [std::env::temp_dir(), "/dev/shm".into()] {
            let Ok(folder) = tempfile::tempdir_in(base) else { continue };
            let open = std::fs::File::open(folder.path()).unwrap();
            for length in [0, 1, 511, 4096, 4097, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000] {
                let bytes: Vec<u8> = (0..length).map(|n: u32| (n % 251) as u8).collect();
                std::fs::write(folder.path().join("file"), &bytes).unwrap();
                std::fs::File::open(folder.path().join("file")).unwrap().sync_all().unwrap();
                assert_eq!(super::sha256(&Native::default(), open.as_fd(), "file").unwrap(), of(&bytes), "{length}");
            }
        }
    }
}
