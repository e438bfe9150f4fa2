//! Where an import's documents lie while it runs.

use std::{fs, io, os::unix::fs::DirBuilderExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::JobId;

use crate::operations::OperationError;

/// A folder of its own, gone at the end. One that a crash left behind is cleared when the job runs again.
#[derive(Debug)]
pub(super) struct Folder(Utf8PathBuf);

impl Folder {
    pub(super) fn make(data: &Utf8Path, job: JobId) -> Result<Self, OperationError> {
        let path = data.join("imports").join(job.to_string());
        let make = || -> io::Result<()> {
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)
        };
        make().map_err(|error| {
            let text = format!("cannot make the folder {path} for the catalogue; check the file system");
            OperationError::new("local-io", text).because(error)
        })?;
        // The parser runs in it and is given absolute paths.
        let path = path.canonicalize_utf8().unwrap_or(path);
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> Utf8PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0, "cannot remove the folder of an import");
        }
    }
}
