//! Files that are there as a whole or not at all: written aside, made durable, then named.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown},
};

use camino::{Utf8Path, Utf8PathBuf};

/// What a file under way ends with.
const ASIDE: &str = ".new";

/// Whom a new file is given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    /// User; none: whoever runs this.
    pub(crate) user: Option<u32>,
    /// Group; none: that of whoever runs this.
    pub(crate) group: Option<u32>,
}

/// Puts a file that its owner alone can read in the place of what is there. A crash leaves the old one or the new one, and
/// when this returns the new one is durable. Blocks.
///
/// # Errors
/// It cannot be written.
pub(crate) fn replace_file(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    replace_file_with(path, bytes, 0o600, Owner::default())
}

/// The same with a mode and an owner.
///
/// # Errors
/// It cannot be written, or given away.
pub(crate) fn replace_file_with(path: &Utf8Path, bytes: &[u8], mode: u32, owner: Owner) -> io::Result<()> {
    let aside = Utf8PathBuf::from(format!("{path}{ASIDE}"));
    match fs::remove_file(&aside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    // Nobody else's from its first byte on.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    if owner != Owner::default() {
        fchown(&file, owner.user, owner.group)?;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Utf8Path) -> io::Result<()> {
    let here = if path == "" { Utf8Path::new(".") } else { path };
    File::open(here)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_with_its_mode_whatever_an_attempt_has_left() {
        let home = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(home.path()).unwrap().join("x");
        fs::write(format!("{path}.new"), "half of an earlier one, and longer").unwrap();
        replace_file(&path, b"one").unwrap();
        replace_file_with(&path, b"two", 0o640, Owner::default()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
