//! `store rebuild`: rows of packages made again from the manifests on disk, after a database was lost.
//!
//! It works on a data folder whose server does not run, and holds its lock. Nothing on disk is deleted or moved. What is
//! taken has a manifest that a key which is believed has signed, tells of the folder that it lies in, and whose every file
//! has the digests that it names; everything else is named with the reason.
//!
//! 1. [`places`]: which folders, whose they are, and what would make them ours.
//! 2. [`look`]: manifests first; of several versions or packages of an update the newest that is whole.
//! 3. [`rows`]: bytes are hashed, rows are written batch by batch. The marker comes last: a location is not ours before
//!    everything of it is recorded, so that a run which was killed is run again and finds less to do.

mod judge;
mod look;
mod open;
mod places;
mod prove;
mod rows;
mod tells;
mod told;
mod unfinished;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8PathBuf;
use patchwharf_db::{Db, Presence, locations as table, packages, settings};
use patchwharf_model::{DeploymentId, Timestamp};
use patchwharf_store::{KnownKeys, fault::Step};
use patchwharf_trust::PublicKey;
use tempfile::TempDir;

use crate::{clock::Clock, config::Config, operations::fault_at, start, trail, trusted};
pub(crate) use told::Told;
pub(crate) use unfinished::{in_database, must_be_finished, must_be_finished_in};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Package locations; none: those that the database names, else the one of the configuration.
    pub(crate) locations: Vec<Utf8PathBuf>,
    /// Locations of another deployment become ours.
    pub(crate) take_over: bool,
    /// Keys whose signatures prove digests.
    pub(crate) trust: Vec<PublicKey>,
    /// Only say.
    pub(crate) dry_run: bool,
}

/// What a rebuild works with.
struct Work {
    config: Config,
    db: Db,
    clock: Clock,
    deployment: DeploymentId,
    /// Own key first.
    keys: KnownKeys,
    /// Keys that prove.
    trust: Vec<PublicKey>,
    wish: Wish,
    /// What was found when it was opened.
    notes: Vec<String>,
    /// No other server uses the database.
    alone: Option<Presence>,
    /// None: a dry run on a folder that no server has used.
    _lock: Option<start::InstanceLock>,
    /// What a dry run has instead of what is not there.
    _scratch: Option<TempDir>,
}

/// Rebuilds.
///
/// # Errors
/// A server runs on the data folder, a location cannot be taken as it is asked for, or database or disk failed. What was
/// recorded by then stays.
pub(crate) async fn run(config: Config, wish: Wish) -> Result<Told> {
    let mut work = Work::open(config, wish).await?;
    let told = work.run().await;
    if let Some(alone) = work.alone.take() {
        alone.end().await;
    }
    work.db.close().await;
    told
}

impl Work {
    async fn run(&self) -> Result<Told> {
        let mut told = Told::new(self.wish.dry_run, self.notes.clone());
        let (places, deployment) = self.places().await?;
        let candidates = self.look(&places, &mut told).await?;
        ensure!(
            told.other_ids_not_ours == 0,
            "{} of what is to be taken over are of updates that a feed here has under other ids, because it was added and \
             imported before: take the files in with `location adopt`, which goes by their content and works as long as the \
             location is another deployment's. Nothing was changed. The first: {}",
            told.other_ids_not_ours,
            told.not_taken.iter().find(|one| one.reason.contains("location adopt")).map_or("", |one| &one.path),
        );
        if self.wish.dry_run {
            self.prove(&places, &mut told).await?;
            self.rows(&places, candidates, &mut told).await?;
        } else {
            unfinished::begin(&self.config.data)?;
            self.begin(&places, deployment).await?;
            told.notes.extend(self.new_trail().await?);
            self.prove(&places, &mut told).await?;
            self.rows(&places, candidates, &mut told).await?;
            fault_at(Step::RebuildBeforeMarker)?;
            self.finish(&places, deployment, &mut told).await?;
            fault_at(Step::RebuildAfterMarker)?;
            unfinished::end(&self.config.data)?;
        }
        for (at, place) in places.iter().enumerate() {
            told.place(at, place);
        }
        Ok(told)
    }

    /// What the locations are that are ours, and that not everything of them is recorded yet: before the first row, in one
    /// transaction.
    async fn begin(&self, places: &[places::Place], deployment: DeploymentId) -> Result<()> {
        fault_at(Step::RebuildBeforeRows)?;
        let mut w = self.write().await?;
        unfinished::begin_in(&mut w).await?;
        if deployment != self.deployment {
            settings::set(&mut w, "deployment-id", &deployment.to_string()).await?;
        }
        for place in places.iter().filter(|place| !place.is_known && !place.is_taken_over) {
            table::create(&mut w, place.id, &place.path).await?;
        }
        w.commit().await?;
        Ok(())
    }

    /// Everything is recorded: keys are noted, markers written, and what feeds name already loses its mark.
    async fn finish(&self, places: &[places::Place], deployment: DeploymentId, told: &mut Told) -> Result<()> {
        if !self.trust.is_empty() {
            trusted::add(&self.config.data, &self.trust)
                .with_context(|| format!("cannot note trusted keys in {}", self.config.data))?;
            let mut w = self.write().await?;
            for key in &self.trust {
                w.audit("manifest.trust", format!("key {key}"), None, Some("store rebuild".to_owned()));
                if self.db.is_shared() {
                    settings::note(&mut w, &format!("manifest-key trusted {}", key.id()), &key.to_string()).await?;
                }
            }
            w.commit().await?;
        }
        for (at, place) in places.iter().enumerate() {
            if place.is_taken_over && !told.is_left(at, place) {
                place.take_over(deployment, self.now())?;
            }
        }
        loop {
            let mut w = self.write().await?;
            let proved = packages::prove_named(&mut w, 1_000).await?;
            let is_last = proved < 1_000;
            if is_last {
                unfinished::end_in(&mut w).await?;
            }
            w.commit().await?;
            told.unproved = told.unproved.saturating_sub(proved);
            if is_last {
                return Ok(());
            }
        }
    }

    /// With the database its audit trail was lost: what was remembered of it is kept beside, and the new one is taken as it is.
    async fn new_trail(&self) -> Result<Option<String>> {
        let data = &self.config.data;
        let Ok(heads) = trail::Heads::read(data) else { return Ok(None) };
        let head = patchwharf_db::audit::chain(&self.db).await?;
        let is_another = match heads {
            Some(heads) => heads.judge(&self.db, &head, self.now()).await?.is_some(),
            None => false,
        };
        if !is_another {
            return Ok(None);
        }
        let aside = trail::set_aside(data, self.now()).with_context(|| format!("cannot write in {data}"))?;
        Ok(aside.map(|(path, _)| {
            format!(
                "the audit trail begins anew with this database; what was remembered of the one before is in {path}"
            )
        }))
    }

    async fn write(&self) -> Result<patchwharf_db::Write<'_>> {
        Ok(self.db.write("admin", "store rebuild", self.now()).await?)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
