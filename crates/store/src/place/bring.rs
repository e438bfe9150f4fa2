//! Bringing versions over from another location: copied or linked aside, read back from the new disk, then named.

mod version;

use std::{collections::HashMap, fmt, sync::Mutex};

use patchwharf_model::{PackageId, package::ProofStamp};

use super::{Existing, PlaceError, Placed, batch, reread, split};
use crate::{Location, Signers, ToVerify, fault::Step};

/// A version that is to be brought over.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: u64,
    /// Its files as its rows know them.
    pub files: Vec<IncomingFile>,
}

/// A file of it.
#[derive(Clone, Debug)]
pub struct IncomingFile {
    /// What it must be.
    pub file: ToVerify,
    /// The stamp that its proof at the old place was made for: a file whose stamp still stands is linked unread.
    pub proof: Option<ProofStamp>,
    /// The same content at the new place, proved: it is linked there, and nothing is copied.
    pub known: Option<Existing>,
}

/// How bytes come over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They are copied.
    Copy,
    /// They stay where they are and get one more name at the new place (hard link, or shared blocks).
    SameData,
}

/// What the caller wants to know and say while bytes are on their way. Called from several threads.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Whether to stop: what is whole by then is still placed.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
    /// So many more bytes came over.
    pub bytes: &'a (dyn Fn(u64) + Sync),
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch(..)")
    }
}

impl Location {
    /// Brings versions over from another location, where they stay as they are: copies while hashing and comparing with
    /// what the rows say, makes durable, reads back from the disk and hashes again, renames without replacing, makes the
    /// parents durable. Files of the same content are stored once. Manifests keep their bytes and signatures.
    ///
    /// One result for each, in order; a version that fails leaves nothing here. Only what this returns as placed may be
    /// told to the database. What has more files than may be open at once is brought in parts.
    #[must_use]
    pub fn bring(
        &self,
        from: &Location,
        versions: Vec<Incoming>,
        way: Way,
        keys: &(dyn Signers + Sync),
        watch: Watch<'_>,
    ) -> Vec<Result<Placed, PlaceError>> {
        let mut results = Vec::with_capacity(versions.len());
        for part in split::split(versions, |version| version.files.len()) {
            let over = version::Over { to: self, from, way, keys, watch, copied: Mutex::new(HashMap::new()) };
            results.extend(batch::place_built(
                self,
                part,
                |folder, slot, incoming| over.build(folder, slot, &incoming),
                |built| {
                    batch::pass(Step::RelocateBeforeReread, built, self);
                    reread::all(self, built);
                    batch::pass(Step::RelocateAfterReread, built, self);
                },
            ));
        }
        results
    }
}
