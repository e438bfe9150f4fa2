//! States that change in place: what verify, serve and failed downloads report.

use jiff::Timestamp;
use patchwharf_model::{JobId, PackageId, Sha256, package::ProofStamp, package::VersionState};

use crate::{Result, Write};

/// What the caller believes of a package. The change is made only where it still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// The fencing token that was read with it.
    pub token: i64,
}

/// A version's new state.
#[derive(Clone, Debug)]
pub struct StateChange {
    /// Which, as the caller knows it.
    pub held: Held,
    /// The state.
    pub state: VersionState,
    /// Why; empty for good states.
    pub reason: String,
    /// When it is tried again.
    pub next_try_at: Option<Timestamp>,
}

/// The result of looking at a version's bytes.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Which, as the caller knows it.
    pub held: Held,
    /// `Staged`, `Corrupt` or `Missing`. A retired version stays retired.
    pub state: VersionState,
    /// Why; empty when staged.
    pub reason: String,
    /// Its files: those that were looked at.
    pub files: Vec<FileResult>,
}

/// The result for one file.
#[derive(Clone, Debug)]
pub struct FileResult {
    /// Its name.
    pub name: String,
    /// `Staged`, `Corrupt`, `Missing`, `Unreachable`, `VendorChanged`, `Wanted`.
    pub state: VersionState,
    /// Expected and found digest, or the error; empty when staged.
    pub reason: String,
    /// The proof when it is good.
    pub proof: Option<(ProofStamp, Sha256)>,
}

/// Changes states in bulk and brings derived columns up to date. The token is compared, not raised. Returns the
/// packages where it was no longer true: ask again for those.
///
/// # Errors
/// When the database fails.
pub async fn set_states(w: &mut Write<'_>, job: Option<JobId>, changes: &[StateChange]) -> Result<Vec<PackageId>> {
    let _ = (w, job, changes);
    todo!()
}

/// Writes results of verification in bulk (500 or more at a time): file states, proofs, version states, derived
/// columns. The token is compared, not raised. Returns the packages where it was no longer true.
///
/// # Errors
/// When the database fails.
pub async fn put_verified(
    w: &mut Write<'_>,
    job: Option<JobId>,
    verified_at: Timestamp,
    results: &[Verified],
) -> Result<Vec<PackageId>> {
    let _ = (w, job, verified_at, results);
    todo!()
}
