//! Removing names by handle: never through links, never onto another mount.

use std::{
    ffi::{CStr, OsStr, OsString},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    sync::atomic::{AtomicU64, Ordering},
};

use patchwharf_model::package::ProofStamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RawDir, ResolveFlags, openat2, statat};

use crate::{Location, folder, stamp, stamps};

/// What removing one file did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Bytes that became free.
    pub(crate) freed_bytes: u64,
    /// The inode's stamp before.
    pub(crate) before: ProofStamp,
    /// The new stamp of an inode that lives on under another name.
    pub(crate) lives_on: Option<ProofStamp>,
    /// Rises with every removal of this process: of two removals of names of one inode the later one has the greater.
    pub(crate) turn: u64,
}

/// Removals so far; counted while the inode's lock is held.
static TURNS: AtomicU64 = AtomicU64::new(0);

impl Location {
    /// Removes the name of a file or link; the lock of its inode is held meanwhile.
    pub(crate) fn unlink_name(&self, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<Removed> {
        // O_PATH: looks at links themselves, opens no pipe or device.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat2(parent, name, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_XDEV)?;
        let entry = self.stamps.entry(&stamp::of(&handle)?);
        let mut inode = stamps::held(&entry);
        let before = stamp::of(&handle)?;
        self.disk.unlink(parent, name)?;
        let turn = TURNS.fetch_add(1, Ordering::Relaxed);
        let stat = rustix::fs::fstat(&handle)?;
        if stat.st_nlink == 0 {
            return Ok(Removed { freed_bytes: before.size_bytes, before, lives_on: None, turn });
        }
        let after = stamp::from_stat(&stat);
        inode.moved(before, after);
        Ok(Removed { freed_bytes: 0, before, lives_on: Some(after), turn })
    }

    /// Removes a folder of our own with all that is in it. Nothing there is no error.
    pub(crate) fn remove_tree(&self, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        let opened = match folder::folder(parent, name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory || is_link(&e) => {
                return self.unlink_name(parent, name).map(|_| ());
            }
            other => other?,
        };
        for entry in entries(&opened)? {
            match entry.kind {
                FileType::Directory => self.remove_tree(opened.as_fd(), entry.raw())?,
                _ => self.unlink_name(opened.as_fd(), entry.raw()).map(|_| ())?,
            }
        }
        drop(opened);
        self.disk.rmdir(parent, name)
    }
}

/// Whether a call stopped at a symbolic link.
pub(crate) fn is_link(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

/// Whether a call stopped at a mount point.
pub(crate) fn is_mount(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::XDEV)
}

/// Whether a folder could not be opened because a link, a mount point or no folder at all is in its place.
pub(crate) fn is_no_folder(error: &io::Error) -> bool {
    is_link(error) || is_mount(error) || error.kind() == io::ErrorKind::NotADirectory
}

/// Bytes of a file, or of the files in a folder and below. What cannot be looked at counts nothing: this is for texts.
pub(crate) fn size_bytes(parent: BorrowedFd<'_>, name: &OsStr) -> u64 {
    match folder::folder(parent, name) {
        Ok(opened) => {
            let inner = entries(&opened).unwrap_or_default();
            inner.iter().map(|entry| size_bytes(opened.as_fd(), entry.raw())).sum()
        }
        Err(_) => statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_or(0, |s| stamp::from_stat(&s).size_bytes),
    }
}

/// One name in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// As it is shown: see [`shown`].
    pub(crate) name: String,
    /// As it is, where it is shown otherwise: then it is not one of ours.
    raw: Option<OsString>,
    pub(crate) kind: FileType,
}

impl Entry {
    /// The name as it is.
    pub(crate) fn raw(&self) -> &OsStr {
        self.raw.as_deref().unwrap_or(OsStr::new(&self.name))
    }

    /// Whether the name is shown as it is.
    pub(crate) fn is_text(&self) -> bool {
        self.raw.is_none()
    }
}

/// A name as it is shown: bytes that are no UTF-8, and control characters, are written `\xff`, and `\` is written twice, so
/// that no name reads as two lines, or as another name.
pub(crate) fn shown(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => escape(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => text.push(c),
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

fn escape(text: &mut String, bytes: &[u8]) {
    text.extend(bytes.iter().map(|byte| format!("\\x{byte:02x}")));
}

/// The name in a folder that is shown like this.
pub(crate) fn raw_name(folder: &OwnedFd, name: &str) -> io::Result<OsString> {
    let has_escapes = name.contains('\\');
    let is_shown_so = |entry: &Entry| !entry.is_text() && entry.name == name;
    let found = if has_escapes { entries(folder)?.into_iter().find(is_shown_so) } else { None };
    Ok(found.and_then(|entry| entry.raw).unwrap_or_else(|| name.into()))
}

/// The names in a folder, without `.` and `..`.
pub(crate) fn entries(folder: &OwnedFd) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    each_entry(folder, &mut |entry| {
        found.push(entry);
        Ok(true)
    })?;
    Ok(found)
}

/// The names in a folder that was opened just now and is listed once: fewer calls than [`entries`], for the thousands of
/// small folders of a location.
pub(crate) fn fresh_entries(folder: &OwnedFd) -> io::Result<Vec<Entry>> {
    let mut buffer = Vec::with_capacity(8 * 1024);
    let mut names = RawDir::new(folder, buffer.spare_capacity_mut());
    let mut found = Vec::new();
    while let Some(entry) = names.next() {
        let entry = entry?;
        found.extend(named(folder.as_fd(), entry.file_name(), entry.file_type())?);
    }
    Ok(found)
}

/// A name in a folder; none for `.` and `..`, and for what is gone again.
pub(crate) fn named(folder: BorrowedFd<'_>, name: &CStr, kind: FileType) -> io::Result<Option<Entry>> {
    if matches!(name.to_bytes(), b"." | b"..") {
        return Ok(None);
    }
    let kind = match kind {
        FileType::Unknown => match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(e) => return Err(e.into()),
        },
        known => known,
    };
    let is_plain = |name: &&str| !name.chars().any(|c| c == '\\' || c.is_control());
    Ok(Some(match name.to_str().ok().filter(is_plain) {
        Some(name) => Entry { name: name.to_owned(), raw: None, kind },
        None => {
            let name = OsStr::from_bytes(name.to_bytes());
            Entry { name: shown(name), raw: Some(name.to_owned()), kind }
        }
    }))
}

/// Calls `visit` for each name until it says no.
pub(crate) fn each_entry(folder: impl AsFd, visit: &mut dyn FnMut(Entry) -> io::Result<bool>) -> io::Result<()> {
    let folder = folder.as_fd();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if let Some(entry) = named(folder, entry.file_name(), entry.file_type())?
            && !visit(entry)?
        {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_name_is_shown_as_two_lines_or_as_another_name() {
        let names: [&[u8]; 6] =
            [b"plain \xc3\xa4", b"a\n  FAILED  b", b"\xff", b"\\xff", b"\x1b[2J\x7f", b"c1 \xc2\x85"];
        let shown: Vec<String> = names.iter().map(|name| shown(OsStr::from_bytes(name))).collect();
        assert_eq!(shown, ["plain \u{e4}", "a\\x0a  FAILED  b", "\\xff", "\\\\xff", "\\x1b[2J\\x7f", "c1 \\xc2\\x85"]);
        // Each is found again by what it is shown as.
        let home = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(home.path().join(OsStr::from_bytes(name)), name).unwrap();
        }
        let folder = OwnedFd::from(std::fs::File::open(home.path()).unwrap());
        for (name, shown) in names.iter().zip(shown) {
            assert_eq!(raw_name(&folder, &shown).unwrap(), OsStr::from_bytes(name), "{shown}");
        }
    }
}
