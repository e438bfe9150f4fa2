//! Off the record, then off the disk.

use std::{collections::BTreeSet, sync::Arc};

use patchwharf_db::{
    jobs as table, packages,
    packages::{Held, Removal, TakenOriginal},
};
use patchwharf_model::job::ReportItem;
use patchwharf_store::{KnownKeys, Pruned, ToPrune, UnlinkError, fault::Step};

use super::{Done, Looked, Prune, told};
use crate::{
    jobs::JobContext,
    operations::{
        OperationError, cores, fault_at, locks,
        places::{self, VersionKey},
        sweep, with_causes, write,
    },
};

/// Counts of the job, in all its attempts.
pub(super) const REMOVED: &str = "originals-removed";
pub(super) const FREED: &str = "bytes-freed";

/// The outcome of an original that is off the record and not known to be off the disk.
const REMOVING: &str = "removing";

/// The originals that an earlier attempt of this job took off the record and did not come to the end of.
pub(super) async fn begun(ctx: &JobContext) -> Result<Vec<VersionKey>, OperationError> {
    let items = table::items_with(&ctx.app.db, ctx.job, REMOVING).await?;
    let keys: BTreeSet<VersionKey> = items.iter().filter_map(|item| told::named(item)).collect();
    Ok(keys.into_iter().collect())
}

impl Prune<'_> {
    /// Removes originals whose versions were proved where they are served. Those that are another's by now stay.
    pub(super) async fn remove(&self, looked: &[&Looked], done: &mut Done) -> Result<(), OperationError> {
        if looked.is_empty() {
            return Ok(());
        }
        fault_at(Step::PruneBeforeTake)?;
        let keys = self.ctx.app.known_keys().await?;
        let since = self.ctx.now();
        let mut removal = self.take(looked).await?;
        let is_free = |one: &&Looked| removal.free.contains(&(one.version.package_id, one.version.version));
        let (free, overtaken): (Vec<&Looked>, Vec<&Looked>) = looked.iter().copied().partition(is_free);
        for one in overtaken {
            self.overtaken(&one.version, done);
        }
        fault_at(Step::PruneBeforeUnlink)?;
        // Who stood still for so long does not know whether the locks are still its own.
        if !locks::is_safe(since, self.ctx.now()) {
            for one in &free {
                self.overtaken(&one.version, done);
            }
            return self.put_back(&removal.taken).await;
        }
        let results = self.unlink(&free, keys).await?;
        fault_at(Step::PruneAfterUnlink)?;
        let (mut stays, mut restamped) = (Vec::new(), Vec::new());
        for (one, result) in free.iter().zip(results) {
            match result {
                Ok(pruned) => {
                    self.ctx.progress.count(REMOVED, 1);
                    self.ctx.progress.count(FREED, pruned.freed_bytes);
                    self.removed(&one.version, &pruned);
                    restamped.extend(pruned.restamped);
                }
                Err(error) => {
                    done.kept += 1;
                    stays.push((one.version.package_id, one.version.version));
                    self.not_removed(one, &error);
                }
            }
        }
        removal.taken.retain(|one| stays.contains(&(one.package_id, one.version)));
        let mut w = write(self.ctx).await?;
        packages::restamp(&mut w, &sweep::composed(&restamped)).await?;
        packages::put_back_originals(&mut w, self.location.id(), &removal.taken).await?;
        w.commit().await?;
        fault_at(Step::PruneAfterRow)
    }

    /// What was not removed is on record again.
    async fn put_back(&self, originals: &[TakenOriginal]) -> Result<(), OperationError> {
        let mut w = write(self.ctx).await?;
        packages::put_back_originals(&mut w, self.location.id(), originals).await?;
        w.commit().await?;
        Ok(())
    }

    /// Takes them off the record, where the packages are still this job's; the job's own lines say what it is about to do,
    /// for an attempt after this one.
    async fn take(&self, looked: &[&Looked]) -> Result<Removal, OperationError> {
        let (ctx, location) = (self.ctx, self.location.id());
        let held: Vec<Held> = looked.iter().map(|one| places::held(&one.version)).collect();
        let mut w = write(ctx).await?;
        let removal = packages::take_originals(&mut w, ctx.job, locks::until(ctx.now()), location, &held).await?;
        let lines: Vec<ReportItem> = looked
            .iter()
            .filter(|one| removal.free.contains(&(one.version.package_id, one.version.version)))
            .map(|one| ReportItem {
                item: told::item(&one.version),
                outcome: REMOVING.to_owned(),
                failed: false,
                reason: String::new(),
            })
            .collect();
        table::put_items(&mut w, ctx.job, &lines).await?;
        w.commit().await?;
        Ok(removal)
    }

    async fn unlink(
        &self,
        looked: &[&Looked],
        keys: KnownKeys,
    ) -> Result<Vec<Result<Pruned, UnlinkError>>, OperationError> {
        let own = Arc::clone(self.location);
        let versions: Vec<ToPrune> = looked
            .iter()
            .map(|one| ToPrune {
                package: one.version.package_id,
                version: one.version.version,
                files: places::wanted(&one.files).unwrap_or_default(),
            })
            .collect();
        cores::blocking(move || own.prune(&versions, &keys)).await
    }

    fn not_removed(&self, one: &Looked, error: &UnlinkError) {
        match error {
            UnlinkError::Changed { path } => {
                let folder = path.parent().unwrap_or(path);
                let why = format!(
                    "it is not whole: {path} is not the file that was left there. Nothing of it was removed, for somebody \
                     may have put that file there; what is served is whole. Look at it, take away what you want to keep, \
                     remove {folder} by hand, and prune again"
                );
                self.kept(&one.version, "original-damaged", why);
            }
            error => self.kept(&one.version, "kept", with_causes(error)),
        }
    }
}
