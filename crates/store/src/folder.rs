//! Opening things inside a location: one component at a time, never through links, never onto another mount.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    thread,
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    path::Arg,
};

use crate::error::is_shortage;

/// Pauses before an opening is tried again for which there was no descriptor or no memory: in all about a second.
const PAUSES_MS: [u64; 8] = [5, 10, 20, 40, 80, 160, 320, 400];

/// One component below an open folder: no way out, no links, no mount points.
pub(crate) const INSIDE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Opens a folder in a folder.
///
/// # Errors
/// As `openat2(2)`; `ELOOP` for a link, `EXDEV` for a mount point.
pub(crate) fn folder(parent: impl AsFd, name: impl Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(parent, name, flags)
}

/// Opens a file in a folder for reading; never waits for a pipe.
///
/// # Errors
/// As `openat2(2)`; `ELOOP` for a link, `EXDEV` for a mount point.
pub(crate) fn file(parent: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(open(parent, name, flags)?.into())
}

/// Opens a file of our own for reading and writing.
///
/// # Errors
/// As `openat2(2)`.
pub(crate) fn file_for_writing(parent: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(open(parent, name, flags)?.into())
}

/// Opens it when there is room for that. A shortage of ours is no word about what lies on the disk: a package that is whole must not
/// be called damaged for it.
fn open(parent: impl AsFd, name: impl Arg, flags: OFlags) -> io::Result<OwnedFd> {
    let mut pauses = PAUSES_MS.into_iter().map(Duration::from_millis);
    name.into_with_c_str(|name| {
        loop {
            match openat2(&parent, name, flags, Mode::empty(), INSIDE) {
                Err(errno)
                    if is_shortage(errno)
                        && let Some(pause) = pauses.next() =>
                {
                    thread::sleep(pause)
                }
                other => return other,
            }
        }
    })
    .map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rustix::{
        io::Errno,
        process::{Resource, Rlimit, getrlimit, setrlimit},
    };

    use super::*;

    #[test]
    fn s_26_an_opening_waits_for_a_descriptor() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("inner")).unwrap();
        let root = File::open(place.path()).unwrap();
        setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..getrlimit(Resource::Nofile) }).unwrap();
        let all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        assert_eq!(openat2(&root, "inner", OFlags::RDONLY, Mode::empty(), INSIDE).unwrap_err(), Errno::MFILE);
        let freeing = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            drop(all);
        });
        folder(&root, "inner").unwrap();
        freeing.join().unwrap();
    }
}
