//! A look at the disk: rows are never believed.

use std::sync::Arc;

use patchwharf_db::packages::{File, FileResult};
use patchwharf_model::{FileName, Sha256, Timestamp, package::ProofStamp, package::VersionState};
use patchwharf_store::{DiskError, Finding, Location, ToVerify};

use crate::operations::{OperationError, cores};

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Believe a proof stamp that still stands; hash the rest.
    Stamps,
    /// Hash everything.
    Hash,
}

/// What a file on disk is worth.
#[derive(Clone, Debug)]
pub(crate) enum Worth {
    /// Its proof stands.
    Proved {
        /// The proof's stamp.
        stamp: ProofStamp,
        /// When its bytes were hashed.
        verified_at: Timestamp,
    },
    /// Hashed now, and right.
    Renewed {
        /// The new stamp.
        stamp: ProofStamp,
    },
    /// Not what it must be.
    Bad {
        /// `Corrupt` or `Missing`.
        state: VersionState,
        /// Expected and found, or the error.
        reason: String,
    },
}

/// One file of a version, and what was found.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its row.
    pub(crate) file: File,
    /// What it is worth.
    pub(crate) worth: Worth,
}

impl Seen {
    /// The stamp and time of its proof; none when it is bad.
    pub(crate) fn proof(&self, now: Timestamp) -> Option<(ProofStamp, Sha256, Timestamp)> {
        let sha256 = self.file.sha256?;
        match self.worth {
            Worth::Proved { stamp, verified_at } => Some((stamp, sha256, verified_at)),
            Worth::Renewed { stamp } => Some((stamp, sha256, now)),
            Worth::Bad { .. } => None,
        }
    }

    /// The row's result, for the database; none when it only confirms what is recorded.
    pub(crate) fn result(&self) -> Option<FileResult> {
        let name = self.file.name.clone();
        match &self.worth {
            Worth::Proved { .. } if self.file.state == VersionState::Staged => None,
            Worth::Proved { stamp, .. } | Worth::Renewed { stamp } => Some(FileResult {
                name,
                state: VersionState::Staged,
                reason: String::new(),
                proof: self.file.sha256.map(|sha256| (*stamp, sha256)),
            }),
            Worth::Bad { state, reason } => {
                Some(FileResult { name, state: *state, reason: reason.clone(), proof: None })
            }
        }
    }
}

/// Looks at files, each with its location, on all cores.
pub(crate) async fn look_at(
    files: Vec<(Arc<Location>, File)>,
    look: Look,
    seen: impl Fn(&File) + Sync + Send + 'static,
) -> Result<Vec<Seen>, OperationError> {
    let looked = cores::for_each(files, move |(location, file)| {
        let worth = worth(location, file, look)?;
        seen(file);
        Ok(Seen { file: file.clone(), worth })
    });
    looked.await?.into_iter().collect::<Result<_, DiskError>>().map_err(|error| {
        OperationError::new("shortage", format!("{error}; the job is tried again")).because(error).transient()
    })
}

/// Looks at one file. Blocks.
///
/// # Errors
/// It could not be looked at for want of descriptors or memory: that says nothing about it.
fn worth(location: &Location, file: &File, look: Look) -> Result<Worth, DiskError> {
    let bad = |state, reason: String| Worth::Bad { state, reason };
    let Some(sha256) = file.sha256 else {
        return Ok(bad(VersionState::Missing, format!("file {} was never downloaded", file.name)));
    };
    let name = match FileName::new(file.name.clone()) {
        Ok(name) => name,
        Err(error) => return Ok(bad(VersionState::Corrupt, error.to_string())),
    };
    if look == Look::Stamps
        && let Some((stamp, verified_at)) = file.proof
        && let Ok((_, found)) = location.open_file(file.package_id, file.version, &name)
        && location.stamps().stands(&stamp, &found)
    {
        return Ok(Worth::Proved { stamp: found, verified_at });
    }
    let wanted = ToVerify { name: name.clone(), size_bytes: file.size_bytes, sha256 };
    let finding = location.verify_file(file.package_id, file.version, &wanted);
    Ok(match finding {
        Finding::Unreadable(error) if error.is_shortage() => return Err(error),
        Finding::Good { stamp } => Worth::Renewed { stamp },
        Finding::Open { stamp, owner, mode } => {
            match location.tighten(file.package_id, file.version, name.as_str(), &stamp) {
                Ok(Some(stamp)) => Worth::Renewed { stamp },
                Ok(None) => bad(VersionState::Corrupt, format!("file {name} changed while it was looked at")),
                Err(error) => bad(
                    VersionState::Corrupt,
                    format!("file {name} can be changed by others (owner {owner}, mode {mode:04o}): {error}"),
                ),
            }
        }
        other => {
            let (state, reason) = describe(&name, file.size_bytes, sha256, &other);
            bad(state, reason)
        }
    })
}

/// What is wrong, for people: file, expected, found.
pub(crate) fn describe(name: &FileName, size_bytes: u64, sha256: Sha256, finding: &Finding) -> (VersionState, String) {
    let expected = format!("expected {size_bytes} bytes with SHA-256 {sha256}");
    match finding {
        Finding::Missing => (VersionState::Missing, format!("file {name}: {expected}, found nothing")),
        Finding::Truncated { found, sha256: Some(digest), .. } => {
            (VersionState::Corrupt, format!("file {name}: {expected}, found {found} bytes with SHA-256 {digest}"))
        }
        Finding::Truncated { found, .. } | Finding::TooLong { found, .. } => {
            (VersionState::Corrupt, format!("file {name}: {expected}, found {found} bytes"))
        }
        Finding::Changed { expected, found } => {
            (VersionState::Corrupt, format!("file {name}: expected SHA-256 {expected}, found {found}"))
        }
        Finding::Unproved { .. } | Finding::Unsteady => {
            (VersionState::Corrupt, format!("file {name}: {expected}; it changed while it was read"))
        }
        Finding::Link => (VersionState::Corrupt, format!("file {name}: {expected}, found a symbolic link")),
        Finding::NotAFile => {
            (VersionState::Corrupt, format!("file {name}: {expected}, found something that is no file"))
        }
        Finding::Unreadable(error) => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            (VersionState::Corrupt, format!("file {name}: {expected}; {error}{cause}"))
        }
        Finding::Open { owner, mode, .. } => (
            VersionState::Corrupt,
            format!("file {name} can be changed by others (owner {owner}, mode {mode:04o}); close it: chmod go-w"),
        ),
        Finding::Good { .. } => (VersionState::Staged, String::new()),
    }
}
