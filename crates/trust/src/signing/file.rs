//! The key's file: one line, mode 0600, never through a link.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};

use crate::random::NoRandomness;

const LABEL: &str = "patchwharf-ed25519-seed ";

/// Why the server's key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no file.
    #[error("there is no signing key at {}", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The file is a symbolic link.
    #[error("the signing key {} is a symbolic link, which is not followed: put the key file itself there", path.display())]
    Link {
        /// The file.
        path: PathBuf,
    },
    /// Others may read or change it.
    #[error("the signing key {} has mode {mode:04o} and could have been read by others: run `chmod 600 {}`; if someone else may have seen it, move it away so that the next start makes a new one", path.display(), path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another user owns it.
    #[error("the signing key {} belongs to user id {owner}, not to the server's user id {wanted}: run `chown {wanted} {}`", path.display(), path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who should.
        wanted: u32,
    },
    /// Its content is no key.
    #[error("the signing key {} is damaged or no key of this server: restore it from a backup, or move it away so that the next start makes a new one (packages then need `store rebuild` or to be staged again)", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("the signing key {} cannot be {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No randomness.
    #[error("no signing key could be made for {}", path.display())]
    Random {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: NoRandomness,
    },
}

impl KeyError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "key-absent",
            Self::Link { .. } => "key-link",
            Self::Permissions { .. } => "key-permissions",
            Self::Owner { .. } => "key-owner",
            Self::Malformed { .. } => "key-malformed",
            Self::Io { .. } => "key-io",
            Self::Random { .. } => "key-random",
        }
    }
}

pub(super) fn read(path: &Path) -> Result<[u8; 32], KeyError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyError::Absent { path: path.into() },
        _ if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            KeyError::Link { path: path.into() }
        }
        _ => KeyError::Io { path: path.into(), action: "read", source },
    };
    let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(KeyError::Malformed { path: path.into() });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(KeyError::Permissions { path: path.into(), mode: metadata.mode() & 0o7777 });
    }
    let wanted = rustix::process::geteuid().as_raw();
    if metadata.uid() != wanted {
        return Err(KeyError::Owner { path: path.into(), owner: metadata.uid(), wanted });
    }
    let mut text = String::new();
    file.take(256).read_to_string(&mut text).map_err(failed)?;
    seed_of(&text).ok_or_else(|| KeyError::Malformed { path: path.into() })
}

/// The seed in the content of a key file.
pub(super) fn seed_of(text: &str) -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim_end_matches('\n').strip_prefix(LABEL)?, &mut seed).ok()?;
    Some(seed)
}

/// Writes aside, fsyncs, renames without replacing, fsyncs the folder: after a crash there is a whole key or none.
pub(super) fn write_new(path: &Path, seed: &[u8; 32]) -> Result<(), KeyError> {
    let write = || -> io::Result<()> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        match std::fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(format!("{LABEL}{}\n", hex::encode(seed)).as_bytes())?;
        file.sync_all()?;
        renameat_with(CWD, &aside, CWD, path, RenameFlags::NOREPLACE)?;
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()
    };
    write().map_err(|source| KeyError::Io { path: path.into(), action: "written", source })
}
