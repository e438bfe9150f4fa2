//! The package store on disk: update packages as folders `<location>/<GUID>/<version>/`.
//!
//! Everything here blocks; callers on an async runtime use `spawn_blocking`. Nothing here knows SQL or HTTP.
//! The order of steps is the commit protocol: write aside while hashing, compare length and digest, fsync files and
//! folders, rename without replace, fsync the parents; only then the caller writes its row and acknowledges.
//! An I/O error is final for a file: it is thrown away, never synced a second time.

pub mod disk;
pub mod error;
pub mod fault;
mod folder;
pub mod foreign;
mod inode;
pub mod layout;
pub mod location;
pub mod manifest;
pub mod partial;
pub mod place;
mod prune;
pub mod quarantine;
pub mod scan;
mod stamp;
pub mod stamps;
#[cfg(test)]
mod tests;
mod threads;
mod tree;
pub mod unlink;
pub mod verify;
mod write;

pub use disk::Counts;
pub use error::DiskError;
pub use foreign::{ForeignError, ForeignFolder, Given, Hashing, Met, NotEntered, TakeAs, Taken};
pub use location::{Location, OpenError, Overlap, Probes, Sharing, Space, overlap};
pub use manifest::{KnownKeys, ManifestError, SignedManifest, Signers};
pub use partial::{Expected, Partial, PartialError, Source, Verified};
pub use place::{Content, Existing, Incoming, IncomingFile, NewVersion, PlaceError, Placed, PlacedFile, Watch, Way};
pub use prune::{Pruned, ToPrune};
pub use quarantine::Quarantined;
pub use scan::{Found, Leftover, StagingKind};
pub use unlink::{ToUnlink, UnlinkError, Unlinked};
pub use verify::{
    Access, Closeness, FileCheck, FileLook, Finding, FolderAccess, Freely, Hashed, Meter, OpenVersion, ToVerify,
    VersionCheck,
};
