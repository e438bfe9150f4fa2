//! Free space is asked for before anything is written: a disk that fills up in the middle stops others who write there.

use std::io;

use camino::Utf8Path;

use crate::words;

/// Room that is left to others.
const RESERVE_BYTES: u64 = 64 << 20;

/// Sees that so many bytes have room on the file system of a folder, or of the nearest one above it that is there.
///
/// # Errors
/// `StorageFull`, with the numbers; or nobody answers.
pub(crate) fn must_have_room(folder: &Utf8Path, bytes: u64) -> io::Result<()> {
    let there = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Utf8Path::new("/"));
    let space = rustix::fs::statvfs(there.as_std_path())?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let needed = bytes.saturating_add(RESERVE_BYTES);
    if bytes == 0 || free >= needed {
        return Ok(());
    }
    let text = format!(
        "{folder} has {} of free space, {} and {} of reserve are needed",
        words::bytes(free),
        words::bytes(bytes),
        words::bytes(RESERVE_BYTES)
    );
    Err(io::Error::new(io::ErrorKind::StorageFull, text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_has_no_room_is_told_with_its_numbers() {
        let home = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(home.path()).unwrap().join("not/yet/there");
        must_have_room(&folder, 0).unwrap();
        must_have_room(&folder, 1).unwrap();
        let error = must_have_room(&folder, u64::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains(" of free space, 16384.0 PiB and 64.0 MiB of reserve"), "{error}");
    }
}
