//! Adopt: files of a folder that is not ours become packages of ours, by content.
//!
//! 1. **Search** ([`search`]): the folder is walked without leaving it; what could be a file of a known update by its length
//!    is hashed, the rest for the list of foreign files only. Names say nothing: digests decide.
//! 2. **Choose** ([`choose`]): the updates that the folder completes, or whose damaged packages it mends; and the room that
//!    they need.
//! 3. **Take**: they go through [`assembly`] like a download, which copies (sharing blocks where the file system can), hashes
//!    its own copy, places and records, batch by batch.
//!
//! Killed or paused, the next run takes up what was found ([`found`]); what was recorded is "already here" then.

mod choose;
mod claims;
mod found;
mod report;
mod search;
mod wanted;

use std::sync::Arc;

use camino::Utf8Path;
use patchwharf_db::updates;
use patchwharf_model::{UpdateId, job::AdoptionWay};
use patchwharf_store::{ForeignFolder, Overlap, TakeAs, fault::Step, overlap};
use patchwharf_trust::PublicKey;

use self::{claims::Trusted, found::Found, wanted::Wanted};
use super::{
    Ending, OperationError,
    assembly::{self, Offer},
    cores, fault_at, later, with_causes,
};
use crate::{
    app::App,
    jobs::{JobContext, StopReason},
};

/// Updates that are planned in one go.
const CHUNK: usize = 500;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// The folder.
    pub(crate) path: String,
    /// Keys of other deployments whose manifests count.
    pub(crate) trust: Vec<String>,
    /// How the bytes come.
    pub(crate) way: AdoptionWay,
    /// Foreign files are listed without digests.
    pub(crate) no_foreign_digests: bool,
    /// Only say.
    pub(crate) dry_run: bool,
}

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, wish: &Wish) -> Result<Ending, OperationError> {
    ctx.app.locations.reload(&ctx.app.db).await?;
    let trust = keys(&wish.trust)?;
    let folder = open(&ctx.app, Utf8Path::new(&wish.path)).await?;
    ctx.progress.phase("reading what updates need");
    let wanted = Arc::new(Wanted::read(&ctx.app.db).await?);
    let mut found = Found::open(ctx, wish.dry_run).await?;
    let (mut summary, finds) = match search::run(ctx, wish, &folder, &wanted, &Trusted::new(trust), &mut found).await {
        Ok(Ok(searched)) => searched,
        Ok(Err(reason)) => return Ok(stopped(found, reason)),
        Err(error) => return Err(error),
    };
    drop(wanted);
    fault_at(Step::AdoptAfterSearch)?;
    let location = ctx.app.locations.default_location()?;
    let take = match wish.way {
        AdoptionWay::Share => TakeAs::Share,
        AdoptionWay::Link => TakeAs::Link,
        AdoptionWay::Copy => TakeAs::Copy,
    };
    let mut offer = Offer { folder, finds, take, shares: false };
    let way = report::way(&offer, &location).await?;
    offer.shares = way.needs_no_room();
    let offer = Arc::new(offer);
    let chosen = choose::run(ctx, &offer, wish.dry_run, &mut summary).await?;
    if let Some(lacking) = choose::no_room(ctx, &location, &offer, chosen.needed_bytes)? {
        if wish.dry_run {
            summary.lacking = Some(lacking);
        } else {
            return Ok(later::for_space(ctx, lacking));
        }
    }
    if wish.dry_run {
        found.forget();
        return Ok(Ending::Done(summary.dry_run(&offer, &chosen, way)));
    }
    for ids in chosen.updates.chunks(CHUNK) {
        if let Some(reason) = ctx.stop.reason() {
            return Ok(stopped(found, reason));
        }
        fault_at(Step::AdoptBeforeTake)?;
        match assembly::adopt(ctx, &offer, updates::by_ids(&ctx.app.db, ids).await?).await? {
            Ok(made) => summary.add(&made),
            Err(Ending::Stopped(reason)) => return Ok(stopped(found, reason)),
            Err(later) => return Ok(later),
        }
        fault_at(Step::AdoptAfterTake)?;
    }
    found.forget();
    Ok(Ending::Done(summary.report(&offer)))
}

/// A job that is paused, or that a later start takes up again, keeps what it found.
fn stopped(found: Found, reason: StopReason) -> Ending {
    if reason == StopReason::Cancelled {
        found.forget();
    }
    Ending::Stopped(reason)
}

fn keys(texts: &[String]) -> Result<Vec<PublicKey>, OperationError> {
    texts
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|error| OperationError::new("bad-key", format!("{text:?} is no public key")).because(error))
        })
        .collect()
}

/// Opens the folder, unless it lies at, in or around something of ours: what lies there has other ways, and a walk would
/// read what is being written.
async fn open(app: &Arc<App>, path: &Utf8Path) -> Result<Arc<ForeignFolder>, OperationError> {
    let (path, data) = (path.to_owned(), app.config.data.clone());
    let own: Vec<_> = app.locations.entries().iter().map(|entry| entry.path.clone()).collect();
    cores::blocking(move || {
        let unfit = |text: String| OperationError::new("folder-unfit", format!("{text}; nothing was adopted"));
        let folder = ForeignFolder::open(&path).map_err(|error| unfit(with_causes(&error)))?;
        let data = data.canonicalize_utf8().unwrap_or(data);
        let of_ours = own.iter().map(|own| ("package location", own)).chain([("the data folder", &data)]);
        for (what, ours) in of_ours {
            let how = match overlap(folder.path(), ours) {
                Ok(None) => continue,
                // A location that is away overlaps nothing that could be read.
                Err(_) => continue,
                Ok(Some(Overlap::Same)) => "is",
                Ok(Some(Overlap::Inside)) => "lies in",
                Ok(Some(Overlap::Around)) => "lies around",
            };
            let text = format!(
                "{path} {how} {what} {ours} of this server: what lies there is looked after by `job run integrity-check \
                 --repair` and `store reconcile`. Name a folder outside of it; a location that is to be given up is forgotten \
                 first (`location remove`)"
            );
            return Err(unfit(text));
        }
        Ok(Arc::new(folder))
    })
    .await?
}

/// What was chosen.
#[derive(Debug, Default)]
struct Chosen {
    /// Updates that go through assembly.
    updates: Vec<UpdateId>,
    /// Those of them that have no whole package yet, as far as the rows say.
    lacking: u64,
    /// Bytes of the contents that they need.
    needed_bytes: u64,
}
