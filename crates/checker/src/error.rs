//! Why nothing can be said.

use std::{io, path::PathBuf};

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The URL names no database.
    #[error("{url:?} names no database: use sqlite:///path/to/patchwharf.db or postgres://user@host/name")]
    Url {
        /// As given.
        url: String,
    },
    /// The database cannot be opened or read.
    #[error("the database cannot be read ({action}); is it of this version, and not damaged?")]
    Database {
        /// What was attempted.
        action: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A file or folder cannot be read.
    #[error("{} cannot be read; run fsck as the user of the server", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is not {what}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// A line of the acknowledgement log cannot be understood.
    #[error("line {line} of {} is no acknowledgement: {text:?}", path.display())]
    Acknowledgement {
        /// The log.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// The verdict cannot be written.
    #[error("the verdict cannot be written")]
    Write(#[source] io::Error),
    /// The check itself stopped.
    #[error("the check stopped before its end")]
    Stopped(#[source] tokio::task::JoinError),
}

impl CheckError {
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }
}
