//! Getting one content: another job's download, a file given by hand, an archive on this machine, or the vendor.

use std::sync::Arc;

use patchwharf_model::{FeedId, FileName, update::VendorDigest};
use patchwharf_store::{Expected, Given, Location, Verified};

use super::{
    build::{ContentKey, Linked},
    contents::{self, Elsewhere},
    offer::Offer,
    sources::Places,
    told,
};
use crate::{
    fetch::{FetchError, FetchRequest},
    jobs::JobContext,
    operations::{
        OperationError, cores, supply,
        take::{TakeError, take},
    },
};

/// What is to be fetched.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The name under which a user knows it.
    pub(crate) name: FileName,
    /// Which content.
    pub(crate) key: ContentKey,
    /// Its SHA-256 where it is known.
    pub(crate) sha256: Option<patchwharf_model::Sha256>,
    /// Where it can be had: the feeds that name it, and their URLs.
    pub(crate) urls: Vec<(FeedId, String)>,
    /// The location that needs it.
    pub(crate) location: Arc<Location>,
    /// Whether a person has given the file (`package supply`).
    pub(crate) given: bool,
    /// Whether it has to come anew, whatever lies here.
    pub(crate) anew: bool,
    /// The foreign folder that it comes from; none: from the vendor.
    pub(crate) offer: Option<Arc<Offer>>,
}

/// A content that has come.
#[derive(Clone, Debug)]
pub(crate) enum Got {
    /// As bytes, proved.
    Bytes(Arc<Verified>),
    /// As a file that another job has just placed.
    Link(Linked),
    /// As a file of a foreign folder.
    Given(Arc<Given>),
}

/// Why a content has not come.
#[derive(Debug)]
pub(crate) enum Lack {
    /// A download failed, or there is nothing to download from.
    Fetch(FetchError),
    /// The file given by hand is not the one.
    ByHand(String),
    /// The foreign folder has another file.
    Foreign(String),
    /// The archive on this machine does not have the file, or has another.
    Local(TakeError),
    /// The database or the runtime failed: the job as a whole.
    Operation(OperationError),
}

/// Gets one content.
pub(crate) async fn get(ctx: &JobContext, places: &Places, wanted: &Wanted) -> Result<Got, Lack> {
    let location = &wanted.location;
    match contents::elsewhere(location.id(), wanted.key) {
        Elsewhere::OnItsWay(verified) => {
            ctx.progress.advance(wanted.key.size_bytes);
            return Ok(Got::Bytes(verified));
        }
        Elsewhere::Placed if !wanted.anew => {
            if let Some(linked) = placed(ctx, wanted).await.map_err(Lack::Operation)? {
                ctx.progress.advance(wanted.key.size_bytes);
                return Ok(Got::Link(linked));
            }
        }
        Elsewhere::Placed | Elsewhere::Nowhere => {}
    }
    if let Some(offer) = &wanted.offer {
        let given = offer.give(&wanted.key, wanted.sha256).map_err(Lack::Foreign)?;
        ctx.progress.advance(wanted.key.size_bytes);
        return Ok(Got::Given(given));
    }
    let verified = match by_hand(ctx, wanted).await? {
        Some(verified) => Arc::new(verified),
        None => here_or_there(ctx, places, wanted).await?,
    };
    contents::announce(location.id(), wanted.key, &verified);
    Ok(Got::Bytes(verified))
}

/// The file that another job has placed since this one was planned.
async fn placed(ctx: &JobContext, wanted: &Wanted) -> Result<Option<Linked>, OperationError> {
    let Some(sha256) = wanted.sha256 else { return Ok(None) };
    let mut found = contents::there(ctx, &wanted.location, &[sha256]).await?;
    Ok(found.remove(&(sha256, wanted.key.size_bytes)))
}

/// A file that a person has given (`package supply`), by the same rules as a download.
async fn by_hand(ctx: &JobContext, wanted: &Wanted) -> Result<Option<Verified>, Lack> {
    if !wanted.given {
        return Ok(None);
    }
    let path = supply::path(&ctx.app, &wanted.key);
    let (location, expected) = (Arc::clone(&wanted.location), expected(wanted));
    let taken = cores::blocking(move || {
        let file = std::fs::File::open(&path).map_err(|source| TakeError::Read { path: path.clone(), source })?;
        take(file, &path, &location, expected)
    });
    let verified = taken.await.map_err(Lack::Operation)?.map_err(|error| {
        let why = told::with_causes(&error);
        Lack::ByHand(format!("the file given by hand for {} is refused: {why}; give it again", wanted.name))
    })?;
    ctx.progress.advance(wanted.key.size_bytes);
    Ok(Some(verified))
}

/// From the archive on this machine; where it has none or another, from its mirrors on the web.
async fn here_or_there(ctx: &JobContext, places: &Places, wanted: &Wanted) -> Result<Arc<Verified>, Lack> {
    let mut lack = None;
    for file in wanted.urls.iter().filter_map(|(feed, url)| places.local(*feed, url)) {
        let (location, expected) = (Arc::clone(&wanted.location), expected(wanted));
        let taken = cores::blocking(move || file.take(&location, expected)).await.map_err(Lack::Operation)?;
        match taken {
            Ok(verified) => {
                ctx.progress.advance(wanted.key.size_bytes);
                return Ok(Arc::new(verified));
            }
            Err(error) => lack = Some(Lack::Local(error)),
        }
    }
    match (download(ctx, places, wanted).await, lack) {
        (Err(FetchError::NoSource { .. }), Some(lack)) => Err(lack),
        (got, _) => got.map_err(Lack::Fetch),
    }
}

async fn download(ctx: &JobContext, places: &Places, wanted: &Wanted) -> Result<Arc<Verified>, FetchError> {
    let mut sources = Vec::new();
    for (feed, url) in &wanted.urls {
        let found = places.sources(*feed, url);
        if found.is_empty() && places.local(*feed, url).is_none() {
            tracing::warn!(job.id = %ctx.job, file = %wanted.name, url = ?url, "the catalogue's URL cannot be used");
        }
        for source in found {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    if sources.is_empty() {
        return Err(FetchError::NoSource { name: wanted.name.to_string() });
    }
    let request = FetchRequest {
        name: wanted.name.to_string(),
        sources,
        expected: expected(wanted),
        into: Arc::clone(&wanted.location),
        progress: ctx.progress.file(wanted.name.as_str(), wanted.key.size_bytes),
        stop: ctx.stop.clone(),
    };
    ctx.app.fetch.fetch(request).await
}

fn expected(wanted: &Wanted) -> Expected {
    let pinned = match wanted.key.digest {
        VendorDigest::Sha256(_) => None,
        VendorDigest::Sha1(_) => wanted.sha256,
    };
    Expected { digest: wanted.key.digest, size_bytes: wanted.key.size_bytes, pinned }
}
