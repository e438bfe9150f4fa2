//! Reading what is on record of versions, a chunk ahead: while the results of others are judged and written.

use std::collections::HashMap;

use patchwharf_db::{
    Db,
    packages::{self, FileToCheck},
};
use patchwharf_model::{PackageId, Timestamp, package::ProofStamp};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::prove::{CHUNK, Item};
use crate::{clock::Clock, jobs::JobContext, operations::OperationError};

/// A version of a package.
type Key = (PackageId, u64);

/// Versions, and what is on record of them.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The versions.
    pub(super) items: Vec<Item>,
    /// Their files.
    pub(super) rows: HashMap<Key, Vec<FileToCheck>>,
    /// Those that have no file in the database, with their fencing tokens: their folders are looked at all the same, for what
    /// their manifests name is lost in the database (G-05).
    pub(super) bare: HashMap<Key, i64>,
    /// Stamps of manifests, for a light look.
    pub(super) stamps: HashMap<Key, ProofStamp>,
    /// When all this was read.
    pub(super) read_at: Timestamp,
}

/// The chunks of many versions, in order.
pub(super) struct Ahead {
    db: Db,
    clock: Clock,
    light: bool,
    /// In the other direction: the next are at the end.
    left: Vec<Item>,
    /// The next chunk, on its way.
    next: JoinSet<Result<Chunk, OperationError>>,
}

impl Ahead {
    /// Begins to read.
    pub(super) fn begin(ctx: &JobContext, light: bool, mut items: Vec<Item>) -> Self {
        items.reverse();
        let (db, clock) = (ctx.app.db.clone(), ctx.app.clock.clone());
        let mut ahead = Self { db, clock, light, left: items, next: JoinSet::new() };
        ahead.go_on();
        ahead
    }

    /// The next chunk; none: that was all.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>, OperationError> {
        let Some(read) = self.next.join_next().await else { return Ok(None) };
        let chunk =
            read.map_err(|error| OperationError::new("internal", "rows could not be read").because(error))??;
        self.go_on();
        Ok(Some(chunk))
    }

    fn go_on(&mut self) {
        let at = self.left.len().saturating_sub(CHUNK);
        let items: Vec<Item> = self.left.drain(at..).rev().collect();
        if !items.is_empty() {
            let now = self.clock.now();
            self.next.spawn(read(self.db.clone(), items, self.light, now).in_current_span());
        }
    }
}

async fn read(db: Db, items: Vec<Item>, light: bool, read_at: Timestamp) -> Result<Chunk, OperationError> {
    let keys: Vec<Key> = items.iter().map(|item| (item.row.package_id, item.row.version)).collect();
    let mut rows: HashMap<Key, Vec<FileToCheck>> = HashMap::with_capacity(keys.len());
    for file in packages::files_to_check(&db, &keys).await? {
        rows.entry((file.package_id, file.version)).or_default().push(file);
    }
    let without: Vec<PackageId> = keys.iter().filter(|key| !rows.contains_key(key)).map(|(id, _)| *id).collect();
    let bare = match without.is_empty() {
        true => Vec::new(),
        false => packages::placed(&db, &without).await?,
    };
    let bare = bare.into_iter().map(|v| ((v.package_id, v.version), v.token)).collect();
    let stamps = match light {
        true => packages::manifest_stamps(&db, &keys).await?.into_iter().collect(),
        false => HashMap::new(),
    };
    Ok(Chunk { items, rows, bare, stamps, read_at })
}
