//! The data folder: ours alone (C-21).

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
};

use camino::{Utf8Path, Utf8PathBuf};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It cannot be made or looked at.
    #[error("cannot use the data folder {path}; give another by `--data`, or correct owner and mode")]
    Io {
        /// The folder.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("the data folder {path} is not a folder; give another by `--data`")]
    NotAFolder {
        /// The path.
        path: Utf8PathBuf,
    },
    /// Another user owns it.
    #[error("the data folder {path} belongs to user {owner}, the server runs as user {own}: chown -R {own} {path}")]
    Owner {
        /// The folder.
        path: Utf8PathBuf,
        /// Its owner.
        owner: u32,
        /// Our user.
        own: u32,
    },
    /// Others can write there: what lies in it may be theirs.
    #[error(
        "the data folder {path} can be written by group or others (mode {mode:04o}): whatever is in it may not be \
         ours. Look at its content, then close it: chmod 700 {path}"
    )]
    Writable {
        /// The folder.
        path: Utf8PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Files made from now on are ours alone, whatever umask the program was started with.
pub(crate) fn own_files_only() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Makes the folder (0700) or checks that it is ours alone. Files made from now on are ours alone, whatever umask the
/// server was started with.
pub(crate) fn prepare(path: &Utf8Path) -> Result<(), DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    own_files_only();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
    let meta = fs::metadata(path).map_err(io)?;
    let (owner, own, mode) = (meta.uid(), rustix::process::geteuid().as_raw(), meta.mode() & 0o7777);
    if !meta.is_dir() {
        Err(DataError::NotAFolder { path: path.to_owned() })
    } else if owner != own {
        Err(DataError::Owner { path: path.to_owned(), owner, own })
    } else if mode & 0o022 != 0 {
        Err(DataError::Writable { path: path.to_owned(), mode })
    } else if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io)
    } else {
        Ok(())
    }
}
