//! One server per data folder: a lock that names its owner (S-28), and the id by which it holds job leases.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::InstanceId;
use rustix::fs::{FlockOperation, flock};

use super::secrets::write_once;

/// In the data folder: made by the first server that runs on it.
pub(crate) const INSTANCE_ID: &str = "instance.id";

/// In the data folder: whose it is now.
pub(crate) const INSTANCE_LOCK: &str = "instance.lock";

/// Why the data folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another server has it.
    #[error(
        "the data folder {data} is in use by another server ({owner}); stop that one first, or give this one a data \
         folder of its own by `--data`"
    )]
    Held {
        /// The data folder.
        data: Utf8PathBuf,
        /// `process 123 on host example`.
        owner: String,
    },
    /// The file cannot be used.
    #[error("cannot use {path}; check owner and mode of the data folder")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The id is damaged.
    #[error("{path} holds no instance id; remove it, and the next start makes a new one")]
    BadId {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The held lock; the kernel frees it when the process ends, however that happens.
#[derive(Debug)]
pub(crate) struct InstanceLock(#[allow(dead_code, reason = "held, not read")] File);

impl InstanceLock {
    /// Takes the lock and tells the folder's id, which is made where there is none.
    pub(crate) fn take(data: &Utf8Path) -> Result<(Self, InstanceId), LockError> {
        let lock = Self::hold(data)?;
        Ok((lock, instance_id(data)?))
    }

    /// Takes the lock of a folder on which no server may ever have run.
    pub(crate) fn hold(data: &Utf8Path) -> Result<Self, LockError> {
        let path = data.join(INSTANCE_LOCK);
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut owner = String::new();
                let _ = file.take(200).read_to_string(&mut owner);
                let owner = if owner.is_empty() { "just starting" } else { owner.trim() }.to_owned();
                return Err(LockError::Held { data: data.to_owned(), owner });
            }
            Err(e) => return Err(io(e.into())),
        }
        let host = crate::words::host();
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "process {} on host {}", std::process::id(), host).map_err(io)?;
        Ok(Self(file))
    }
}

fn instance_id(data: &Utf8Path) -> Result<InstanceId, LockError> {
    let path = data.join(INSTANCE_ID);
    let text = write_once(&path, || Ok(InstanceId::new().to_string()))
        .map_err(|source| LockError::Io { path: path.clone(), source })?;
    text.parse().map_err(|e: uuid::Error| LockError::BadId { path, source: Box::new(e) })
}
