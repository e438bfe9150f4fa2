//! Opening things inside a location: one component at a time, never through links, never onto another mount.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    path::Arg,
};

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
    Ok(openat2(parent, name, flags, Mode::empty(), INSIDE)?)
}

/// Opens a file in a folder for reading; never waits for a pipe.
///
/// # Errors
/// As `openat2(2)`; `ELOOP` for a link, `EXDEV` for a mount point.
pub(crate) fn file(parent: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(openat2(parent, name, flags, Mode::empty(), INSIDE)?.into())
}

/// Opens a file of our own for reading and writing.
///
/// # Errors
/// As `openat2(2)`.
pub(crate) fn file_for_writing(parent: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(openat2(parent, name, flags, Mode::empty(), INSIDE)?.into())
}
