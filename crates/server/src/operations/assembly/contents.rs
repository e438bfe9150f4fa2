//! The distinct contents that builds need: each is fetched once, however many files have it, and not at all when the
//! location has it already (S-16, S-18).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use patchwharf_db::packages;
use patchwharf_model::{FileName, LocationId, Sha256};
use patchwharf_store::{Finding, Location, ToVerify, Verified};

use super::build::{Build, ContentKey, Linked, Origin};
use crate::{
    jobs::JobContext,
    operations::{OperationError, cores},
};

/// Digests in one query.
const CHUNK: usize = 1_000;

/// A content and who needs it.
#[derive(Debug)]
pub(crate) struct Needed {
    /// Where.
    pub(crate) location: LocationId,
    /// What.
    pub(crate) key: ContentKey,
    /// Its SHA-256 where it is known.
    pub(crate) sha256: Option<Sha256>,
    /// Build and file, by their places in the plan.
    pub(crate) users: Vec<(usize, usize)>,
}

/// The contents that have to come from somewhere, in the order of the builds.
pub(crate) fn needed(builds: &[Build]) -> VecDeque<Needed> {
    let mut places: HashMap<(LocationId, ContentKey), usize> = HashMap::new();
    let mut needed: VecDeque<Needed> = VecDeque::new();
    for (build_at, build) in builds.iter().enumerate().filter(|(_, build)| build.in_place.is_none()) {
        for (file_at, file) in build.files.iter().enumerate() {
            if matches!(file.origin, Origin::Link(_)) {
                continue;
            }
            let key = file.key();
            let place = *places.entry((build.location, key)).or_insert_with(|| {
                needed.push_back(Needed { location: build.location, key, sha256: file.sha256, users: Vec::new() });
                needed.len() - 1
            });
            needed[place].users.push((build_at, file_at));
        }
    }
    needed
}

/// Turns files whose content the location has already, proved, into links. Not for a complete refresh.
pub(crate) async fn link_what_is_there(ctx: &JobContext, builds: &mut [Build]) -> Result<(), OperationError> {
    let mut digests: HashMap<LocationId, Vec<Sha256>> = HashMap::new();
    for needed in needed(builds) {
        if let Some(sha256) = needed.sha256 {
            digests.entry(needed.location).or_default().push(sha256);
        }
    }
    for (id, digests) in digests {
        let Some(location) = super::plan::location_of(ctx, id) else { continue };
        let found = there(ctx, &location, &digests).await?;
        for build in builds.iter_mut().filter(|build| build.location == id && build.in_place.is_none()) {
            for file in build.files.iter_mut().filter(|file| !matches!(file.origin, Origin::Link(_))) {
                let linked = file.sha256.and_then(|sha256| found.get(&(sha256, file.file.size_bytes)));
                if let Some(linked) = linked {
                    file.origin = Origin::Link(linked.clone());
                }
            }
        }
    }
    Ok(())
}

/// Which of these contents lie in a location. A proof that does not stand any more is made anew.
pub(crate) async fn there(
    ctx: &JobContext,
    location: &Arc<Location>,
    digests: &[Sha256],
) -> Result<HashMap<(Sha256, u64), Linked>, OperationError> {
    let mut found = HashMap::new();
    for digests in digests.chunks(CHUNK) {
        let candidates = packages::link_candidates(&ctx.app.db, location.id(), digests).await?;
        let own = Arc::clone(location);
        let now = ctx.now();
        let proved = cores::for_each(candidates, move |candidate| {
            let name = FileName::new(candidate.name.clone()).ok()?;
            let (package, version) = (candidate.package_id, candidate.version);
            let stands = own
                .open_file(package, version, &name)
                .is_ok_and(|(_, now)| own.stamps().stands(&candidate.stamp, &now));
            let (stamp, verified_at) = if stands {
                (candidate.stamp, candidate.verified_at)
            } else {
                let wanted = ToVerify { name, size_bytes: candidate.size_bytes, sha256: candidate.sha256 };
                match own.verify_file(package, version, &wanted) {
                    Finding::Good { stamp } => (stamp, now),
                    _ => return None,
                }
            };
            let name = candidate.name.clone();
            let linked = Linked { package, version, name, sha256: candidate.sha256, stamp, verified_at };
            Some(((candidate.sha256, candidate.size_bytes), linked))
        })
        .await?;
        found.extend(proved.into_iter().flatten());
    }
    Ok(found)
}

/// What happened to a content in this process: shared by the jobs that need it at the same time.
pub(crate) enum Elsewhere {
    /// Nobody has it.
    Nowhere,
    /// Another job has fetched it and not yet placed it.
    OnItsWay(Arc<Verified>),
    /// Another job has fetched it since this one was planned, and placed it.
    Placed,
}

type Recent = HashMap<(LocationId, ContentKey), Weak<Verified>>;

static RECENT: LazyLock<Mutex<Recent>> = LazyLock::new(Mutex::default);

/// Contents remembered; a forgotten one costs a download, nothing else.
const REMEMBERED: usize = 50_000;

/// Looks whether another job has a content.
pub(crate) fn elsewhere(location: LocationId, key: ContentKey) -> Elsewhere {
    let recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    match recent.get(&(location, key)).map(Weak::upgrade) {
        None => Elsewhere::Nowhere,
        Some(Some(verified)) => Elsewhere::OnItsWay(verified),
        Some(None) => Elsewhere::Placed,
    }
}

/// Tells other jobs of a content.
pub(crate) fn announce(location: LocationId, key: ContentKey, verified: &Arc<Verified>) {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() >= REMEMBERED {
        recent.retain(|_, verified| verified.strong_count() > 0);
    }
    recent.insert((location, key), Arc::downgrade(verified));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::operations::assembly::samples;

    #[test]
    fn a_content_that_fifty_files_have_is_needed_once() {
        let builds: Vec<Build> =
            (0..50).map(|n| samples::build(&[("same.bin", 7), (&format!("{n}.bin"), n)])).collect();
        let needed = needed(&builds);
        assert_eq!(needed.len(), 50);
        assert_eq!(needed.iter().map(|n| n.users.len()).max(), Some(51));
    }
}
