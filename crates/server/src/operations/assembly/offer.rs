//! What a foreign folder has of what updates need.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use patchwharf_model::{Sha256, package::ProofStamp};
use patchwharf_store::{ForeignFolder, Given, TakeAs};
use patchwharf_trust::FileDigests;

use super::{
    VersionKey,
    build::{Build, ContentKey, Origin, item},
    told,
};
use crate::{
    jobs::JobContext,
    operations::{OperationError, sweep},
};

/// A file of a foreign folder that some update needs.
#[derive(Clone, Debug)]
pub(crate) struct Find {
    /// Its path below the folder.
    pub(crate) below: PathBuf,
    /// Its stamp when it was hashed.
    pub(crate) stamp: ProofStamp,
    /// Length and digests.
    pub(crate) digests: FileDigests,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Offer {
    /// The folder.
    pub(crate) folder: Arc<ForeignFolder>,
    /// One file for each content.
    pub(crate) finds: HashMap<ContentKey, Find>,
    /// How the bytes are wished to come.
    pub(crate) take: TakeAs,
    /// Whether the bytes come without needing room.
    pub(crate) shares: bool,
}

impl Offer {
    /// Whether a content is there.
    pub(crate) fn has(&self, key: &ContentKey) -> bool {
        self.finds.contains_key(key)
    }

    /// A content. `pinned`: its SHA-256, where an earlier download has pinned one.
    ///
    /// # Errors
    /// The folder has another file, in words.
    pub(crate) fn give(&self, key: &ContentKey, pinned: Option<Sha256>) -> Result<Arc<Given>, String> {
        let find = self.finds.get(key).ok_or_else(|| "the folder does not have it".to_owned())?;
        let found = find.digests.sha256;
        if let Some(pinned) = pinned.filter(|pinned| *pinned != found) {
            return Err(format!(
                "{} has SHA-256 {found}, the first download had {pinned}: it is not taken",
                self.folder.shown(&find.below)
            ));
        }
        Ok(Arc::new(Given::new(&self.folder, &find.below, find.stamp, find.digests, self.take)))
    }
}

/// Takes out the builds that the folder does not complete: they are named, and what was begun of them goes.
pub(crate) async fn leave_incomplete(
    ctx: &JobContext,
    offer: &Offer,
    builds: &mut Vec<Build>,
) -> Result<(), OperationError> {
    let mut begun: Vec<VersionKey> = Vec::new();
    builds.retain(|build| {
        if build.in_place.is_some() {
            return true;
        }
        let lacks =
            |file: &&super::build::BuildFile| !matches!(file.origin, Origin::Link(_)) && !offer.has(&file.key());
        let missing: Vec<&str> = build.files.iter().filter(lacks).map(|file| file.file.name.as_str()).collect();
        if missing.is_empty() {
            return true;
        }
        begun.push((build.package, build.version));
        incomplete(ctx, build, &missing);
        false
    });
    if begun.is_empty() { Ok(()) } else { sweep::give_up(ctx, &begun).await }
}

fn incomplete(ctx: &JobContext, build: &Build, missing: &[&str]) {
    told::line(ctx, item(&build.update), "incomplete", false, lacking(missing, &build.update.bulletin));
}

/// Why an update is not taken in, and the way to have it.
pub(crate) fn lacking(missing: &[&str], bulletin: &str) -> String {
    format!(
        "the folder does not have {}; `patchwharf bulletin stage {bulletin}` fetches what is missing from the vendor",
        missing.join(", ")
    )
}
