//! Gathering what belongs into a backup: manifests first, then contents, and what of them cannot be had.

use std::collections::{BTreeMap, HashMap, HashSet};

use patchwharf_db::backup::KeptFile;
use patchwharf_model::{
    PackageId, Sha256,
    job::{ReportItem, Unit},
    package::VersionState,
};

use super::{
    Work,
    batches::batches,
    manifests::{self, Signed},
    pool::{self, Had, Pool, Wanted},
    unusable,
    write::LeftOut,
};
use crate::{
    jobs::StopReason,
    operations::{OperationError, cores},
};

/// Contents, and bytes, in one go: bounds what a pause has to wait for.
const BATCH: (usize, u64) = (256, 1 << 30);

/// What was gathered so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) already: u64,
    pub(super) copied: u64,
    pub(super) copied_bytes: u64,
    pub(super) items: Vec<ReportItem>,
    /// Contents that the pool has.
    had: HashSet<Sha256>,
    /// Contents that cannot be had, and why.
    lacking: HashMap<Sha256, String>,
    /// Manifests of versions: they never change.
    pub(super) manifests: BTreeMap<(PackageId, u64), Signed>,
    /// Versions whose manifest cannot be believed, and why.
    pub(super) unbelieved: HashMap<(PackageId, u64), String>,
    /// Versions whose manifest is that of an earlier backup, and why.
    pub(super) from_earlier: HashMap<(PackageId, u64), String>,
}

/// Sees that the manifests of these files' versions are read, and all contents are in the pool. Manifests come first: a
/// version that is deleted afterwards is whole in the backup all the same.
pub(super) async fn gather(
    work: &Work<'_>,
    pool: &Pool,
    files: &[KeptFile],
    tally: &mut Tally,
) -> Result<Result<(), StopReason>, OperationError> {
    tally.lacking.clear();
    manifests::read(work, pool.folder(), files, tally).await?;
    let wanted: Vec<Wanted> =
        pool::contents(files).into_iter().filter(|wanted| !tally.had.contains(&wanted.sha256)).collect();
    let (own, asked) = (pool.clone(), wanted.clone());
    let room = cores::blocking(move || own.must_have_room(&asked)).await?;
    room.map_err(|error| unusable(work, error))?;
    work.progress.start(Unit::Bytes, wanted.iter().map(|one| one.size_bytes).sum());
    for batch in batches(wanted, BATCH, |one| one.size_bytes) {
        if let Some(reason) = work.stop.reason() {
            return Ok(Err(reason));
        }
        let prepared = {
            let (pool, batch) = (pool.clone(), batch.clone());
            cores::blocking(move || pool.prepare(&batch)).await?
        };
        prepared.map_err(|error| unusable(work, error))?;
        let (own, progress) = (pool.clone(), work.progress.clone());
        let results = cores::for_each(batch.clone(), move |wanted| {
            let had = own.take(wanted);
            progress.bytes(wanted.size_bytes);
            had
        })
        .await?;
        for (wanted, had) in batch.iter().zip(results) {
            tally.take(wanted, had.map_err(|error| unusable(work, error))?);
        }
        let own = pool.clone();
        cores::blocking(move || own.sync(&batch)).await?.map_err(|error| unusable(work, error))?;
    }
    Ok(Ok(()))
}

impl Tally {
    fn take(&mut self, wanted: &Wanted, had: Had) {
        let item = format!("content {}", wanted.sha256);
        match had {
            Had::No(why) => {
                self.lacking.insert(wanted.sha256, why);
                return;
            }
            Had::Already => self.already += 1,
            Had::Copied => self.copied(wanted),
            Had::Mended => {
                self.copied(wanted);
                let reason = "what the backup had was damaged; it was copied anew: look after that disk".to_owned();
                self.items.push(ReportItem { item, outcome: "mended".into(), failed: false, reason });
            }
        }
        self.had.insert(wanted.sha256);
    }

    fn copied(&mut self, wanted: &Wanted) {
        self.copied += 1;
        self.copied_bytes += wanted.size_bytes;
    }

    /// Versions that are in the backup whole although the server has them damaged. Says so of each; returns how many.
    pub(super) fn tell_kept(&mut self, files: &[KeptFile], left_out: &HashSet<(PackageId, u64)>) -> u64 {
        let mut kept: BTreeMap<(PackageId, u64), String> = BTreeMap::new();
        for file in files {
            let version = (file.package_id, file.version);
            let damaged = matches!(file.state, VersionState::Corrupt | VersionState::Missing);
            if left_out.contains(&version) || !(damaged || self.from_earlier.contains_key(&version)) {
                continue;
            }
            let why = self.from_earlier.get(&version).cloned();
            kept.entry(version).or_insert_with(|| why.unwrap_or_else(|| format!("it is {} on the server", file.state)));
        }
        for ((package, version), why) in &kept {
            let item = format!("package {package} version {version}");
            let reason = format!("{why}; an earlier backup has it whole, and so has this one");
            self.items.push(ReportItem { item, outcome: "kept".into(), failed: false, reason });
        }
        kept.len() as u64
    }
}

/// Versions that the copy names and that cannot be had, with the reason.
pub(super) async fn left_out(
    work: &Work<'_>,
    copied: &[KeptFile],
    tally: &Tally,
) -> Result<Vec<LeftOut>, OperationError> {
    let mut whys: BTreeMap<(PackageId, u64), &String> = BTreeMap::new();
    for file in copied {
        let key = (file.package_id, file.version);
        if let Some(why) = tally.unbelieved.get(&key).or_else(|| tally.lacking.get(&file.sha256)) {
            whys.entry(key).or_insert(why);
        }
    }
    if whys.is_empty() {
        return Ok(Vec::new());
    }
    let now: HashSet<(PackageId, u64)> =
        work.db.kept_files().await?.into_iter().map(|file| (file.package_id, file.version)).collect();
    let left_out = whys.into_iter().map(|(key, why)| LeftOut {
        package: key.0,
        version: key.1,
        why: why.clone(),
        gone: !now.contains(&key),
    });
    Ok(left_out.collect())
}
