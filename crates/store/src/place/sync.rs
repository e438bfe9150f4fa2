//! Making a batch durable: all files first, then all folders, many at once.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, BorrowedFd},
    sync::Arc,
};

use super::batch::Building;
use crate::{
    DiskError, Location,
    disk::Kind,
    layout,
    threads::{SYNC_THREADS, map},
};

/// Makes every new file durable, each inode once.
pub(super) fn sync_files(location: &Location, built: &mut [Building]) {
    let mut unique = HashMap::new();
    for inode in built.iter().flatten().flat_map(|b| &b.fresh) {
        unique.entry(Arc::as_ptr(inode)).or_insert_with(|| Arc::clone(inode));
    }
    let results = map(unique.into_values().collect(), SYNC_THREADS, |inode| {
        let result = inode.make_durable(&*location.disk);
        (Arc::as_ptr(&inode) as usize, result)
    });
    let failed: HashMap<usize, io::Error> =
        results.into_iter().filter_map(|(inode, result)| Some((inode, result.err()?))).collect();
    if failed.is_empty() {
        return;
    }
    for slot in built {
        let Ok(b) = slot else { continue };
        let Some(error) = b.fresh.iter().find_map(|i| failed.get(&(Arc::as_ptr(i) as usize))) else { continue };
        let path = location.path().join(layout::version_path(b.package, b.version));
        let source = io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO));
        *slot = Err(DiskError { attempt: "make durable the files of", path, source }.into());
    }
}

/// Makes the folders durable that hold them.
pub(super) fn sync_folders(location: &Location, built: &mut [Building]) {
    let folders: Vec<(usize, BorrowedFd<'_>)> = built
        .iter()
        .enumerate()
        .filter_map(|(n, slot)| slot.as_ref().ok().map(|b| (n, b)))
        .flat_map(|(n, b)| [(n, b.folder.as_fd()), (n, b.package_folder.as_fd())])
        .collect();
    let disk = &*location.disk;
    let results = map(folders, SYNC_THREADS, |(n, folder)| (n, disk.fsync(folder, Kind::Folder)));
    for (n, result) in results {
        if let (Err(source), Ok(b)) = (result, &built[n]) {
            let path = location.path().join(layout::version_path(b.package, b.version));
            built[n] = Err(DiskError { attempt: "make durable", path, source }.into());
        }
    }
}
