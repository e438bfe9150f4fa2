//! A data folder without its server: what a command needs that does the server's work itself. It holds the server's lock,
//! so that none starts meanwhile, and changes nothing.

use std::{fs, os::unix::fs::MetadataExt as _, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use patchwharf_db::{Db, locations as table, settings};
use patchwharf_model::{DeploymentId, InstanceId, api::BackupStart};
use patchwharf_store::Location;
use patchwharf_trust::{ManifestKey, Passphrase};

use crate::{
    backup::{Work, clear_copies},
    clock::Clock,
    config::Config,
    jobs::{ProgressHandle, Stop},
    rebuild, restore, start,
};

/// A server's folder belongs to the server's user: root would leave files in it that this user cannot use.
///
/// # Errors
/// It belongs to somebody else.
pub(crate) fn must_be_ours(data: &Utf8Path) -> Result<()> {
    let Ok(meta) = fs::metadata(data) else { return Ok(()) };
    let (owner, own) = (meta.uid(), rustix::process::geteuid().as_raw());
    ensure!(
        owner == own,
        "{data} belongs to user {owner}, and this runs as user {own}: run it as that user (runuser -u patchwharf -- \
         patchwharf ...)"
    );
    Ok(())
}

/// Whether a server has run on this folder and none runs there now. Who answers at its address may be another one.
pub(crate) fn is_at_rest(data: &Utf8Path) -> bool {
    data.join(start::INSTANCE_ID).exists() && start::InstanceLock::take(data).is_ok()
}

/// An open data folder.
pub(crate) struct Offline {
    config: Config,
    clock: Clock,
    db: Db,
    key: ManifestKey,
    deployment: DeploymentId,
    instance: InstanceId,
    locations: Arc<[Arc<Location>]>,
    _lock: start::InstanceLock,
}

impl Offline {
    /// Takes the lock and opens everything. The schema stays as it is.
    ///
    /// # Errors
    /// A server runs on the folder, or something cannot be opened.
    pub(crate) async fn open(config: Config) -> Result<Self> {
        let data = config.data.clone();
        Self::open_it(config).await.with_context(|| {
            format!(
                "cannot work on the data folder {data} without its server: say --config and --database as `serve` has them \
                 (or PATCHWHARF_CONFIG, PATCHWHARF_DATABASE)"
            )
        })
    }

    async fn open_it(config: Config) -> Result<Self> {
        must_be_ours(&config.data)?;
        restore::must_be_finished(&config.data)?;
        rebuild::must_be_finished(&config.data)?;
        start::prepare_data(&config.data)?;
        let (lock, instance) = start::InstanceLock::take(&config.data)?;
        clear_copies(&config.data);
        let clock = Clock::system();
        let db = Db::open_as_it_is(&start::options(&config)).await?;
        rebuild::must_be_finished_in(&db).await?;
        let deployment = settings::deployment_id(&db, clock.now()).await?;
        let key = ManifestKey::open(config.data.join("manifest.key").as_std_path())?;
        let mut open = Vec::new();
        for row in table::list(&db).await? {
            match Location::open(&row.path, Some(row.location_id), deployment) {
                Ok(location) => open.push(Arc::new(location)),
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    tracing::warn!(error = %format!("{error:#}"), "package location {} is not open", row.path);
                }
            }
        }
        Ok(Self { config, clock, db, key, deployment, instance, locations: open.into(), _lock: lock })
    }

    /// A backup of it.
    pub(crate) fn backup(&self, wish: &BackupStart, passphrase: Option<Passphrase>) -> Work<'_> {
        Work {
            db: &self.db,
            locations: Arc::clone(&self.locations),
            key: &self.key,
            config: &self.config,
            deployment: self.deployment,
            instance: self.instance,
            folder: wish.folder.clone().into(),
            passphrase,
            keep: wish.keep,
            quick: wish.quick,
            clock: &self.clock,
            progress: ProgressHandle::default(),
            stop: Stop::new(),
        }
    }

    /// Closes the database.
    pub(crate) async fn close(self) {
        self.db.close().await;
    }
}
