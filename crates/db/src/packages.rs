//! Update packages, their versions and files, and the protocol by which they change.
//!
//! Every change is bulk: one statement for a batch of packages, never one per package. Writers hold a package's lock
//! ([`lock`]) and show the fencing token that it gave; a change raises the token and returns the new one, so that a
//! stalled writer changes nothing. Readers (verify) note version and token and show them with their results.

mod bulletins;
mod change;
mod check;
mod content;
mod delete;
mod list;
mod lock;
mod originals;
mod plan;
mod proof;
mod rebuild;
mod recover;
mod relocate;
mod removal;
mod space;
mod stage;
mod unproved;
mod unused;

pub use bulletins::bulletins_of;
pub use change::{FileResult, Held, StateChange, Verified, put_verified, set_states};
pub use check::{
    Confirmed, FileToCheck, Idle, Placed, files_to_check, forget_manifest_stamps, idle, manifest_stamps, overtaken,
    placed, placed_at, put_manifest_stamps, renew_proofs,
};
pub use content::{Content, LinkCandidate, Successor, content, link_candidates, successor};
pub use delete::{
    DueVersion, Needed, deleting, due_for_unlink, is_ending, mark_packages_deleting, mark_versions_deleting, needed_by,
    remove_versions, retire,
};
pub use list::{
    File, Package, PackageFilter, PackageQuery, PackageSort, Version, by_location, files, list, resolve, show,
    to_relocate, versions, versions_of,
};
pub use lock::{LockOutcome, held_by, lock, renew_locks, unlock};
pub use originals::{Original, OriginalTotals, forget_originals, original_totals, originals_at, originals_of};
pub use plan::{LongPath, RelocationTotals, long_paths, relocation_totals};
pub use proof::{Proof, proofs, put_proofs, restamp};
pub use rebuild::{
    Older, OlderFile, Rebuilt, RebuiltOriginal, known_packages, rebuild, rebuild_older, rebuild_originals, with_package,
};
pub use recover::{
    Adopted, Adoption, FileLack, Retry, Served, adopt, due_for_retry, put_lacks, served_of, wanted_contents,
};
pub use relocate::{Relocated, Relocation, relocate};
pub use removal::{Removal, TakenOriginal, put_back_originals, take_originals};
pub use space::{ByState, Freed, SameData, Totals, by_state, freed, same_data, totals};
pub use stage::{
    Committed, CommittedVersion, NewFile, NewVersion, PackageRef, Replaces, Repointed, StagedFile, StagedVersion,
    commit_staged, create_replacements, discard_versions, ensure, new_versions,
};
pub use unproved::{Unproved, prove_named, prove_signed, unproved};
pub use unused::{Usage, usage, usage_of};
