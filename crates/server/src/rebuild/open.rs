//! What a rebuild works with: the data folder and the database, or, for a dry run, as much of them as is there.

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::{Db, Options, Presence, settings};
use patchwharf_model::DeploymentId;
use patchwharf_store::KnownKeys;
use patchwharf_trust::{KeyError, ManifestKey};
use tempfile::TempDir;

use super::{Wish, Work};
use crate::{clock::Clock, config::Config, offline::must_be_ours, restore, start, trusted};

/// Times that a server that was killed a moment ago is given to be forgotten by PostgreSQL.
const TRIES: u32 = 10;

impl Work {
    pub(super) async fn open(config: Config, wish: Wish) -> Result<Self> {
        must_be_ours(&config.data)?;
        restore::must_be_finished(&config.data)?;
        match wish.dry_run {
            true => Self::open_to_look(config, wish).await,
            false => Self::open_to_write(config, wish).await,
        }
    }

    async fn open_to_write(config: Config, wish: Wish) -> Result<Self> {
        start::prepare_data(&config.data)?;
        let (lock, _) = start::InstanceLock::take(&config.data)?;
        let clock = Clock::system();
        let db = Db::open(&start::options(&config), clock.now()).await?;
        must_be_whole(&db)?;
        let alone = alone(&db).await?;
        let deployment = settings::deployment_id(&db, clock.now()).await?;
        let own = ManifestKey::open_or_make(config.data.join("manifest.key").as_std_path())?;
        let (lock, alone) = (Some(lock), Some(alone));
        Ok(Self::of(config, wish, Opened { db, clock, deployment, own, lock, alone, scratch: None }, Vec::new()))
    }

    /// Makes nothing: what is not there is made in a folder that goes with it.
    async fn open_to_look(config: Config, wish: Wish) -> Result<Self> {
        let clock = Clock::system();
        let lock = match config.data.join(start::INSTANCE_LOCK).exists() {
            true => Some(start::InstanceLock::hold(&config.data)?),
            false => None,
        };
        let scratch = tempfile::tempdir().context("cannot make a folder for the dry run")?;
        let beside = Utf8PathBuf::try_from(scratch.path().to_owned())?;
        let mut notes = Vec::new();
        let db = to_look(&config, &beside, &clock).await?;
        must_be_whole(&db)?;
        let deployment = match settings::get(&db, "deployment-id").await? {
            Some(id) => id.parse().with_context(|| format!("the deployment id {id:?} of the database is none"))?,
            None => DeploymentId::new(),
        };
        let path = config.data.join("manifest.key");
        let own = match ManifestKey::open(path.as_std_path()) {
            Err(KeyError::Absent { .. }) => {
                notes.push(format!("{path} is not there: this server has signed nothing of what lies there"));
                ManifestKey::open_or_make(beside.join("manifest.key").as_std_path())?
            }
            other => other?,
        };
        Ok(Self::of(
            config,
            wish,
            Opened { db, clock, deployment, own, lock, alone: None, scratch: Some(scratch) },
            notes,
        ))
    }

    fn of(config: Config, wish: Wish, opened: Opened, notes: Vec<String>) -> Self {
        let Opened { db, clock, deployment, own, lock, alone, scratch } = opened;
        let mut others = trusted::read(&config.data);
        others.extend(&wish.trust);
        let (keys, trust) = (KnownKeys::new(own.public(), others), wish.trust.clone());
        Self { config, db, clock, deployment, keys, trust, wish, notes, alone, _lock: lock, _scratch: scratch }
    }
}

struct Opened {
    db: Db,
    clock: Clock,
    deployment: DeploymentId,
    own: ManifestKey,
    lock: Option<start::InstanceLock>,
    alone: Option<Presence>,
    scratch: Option<TempDir>,
}

fn must_be_whole(db: &Db) -> Result<()> {
    ensure!(
        db.damage().is_none(),
        "the database is damaged: move it aside (or `restore` a backup) and run this again, it begins with an empty one"
    );
    Ok(())
}

/// A server that shares the database would take what has no row yet for orphans.
async fn alone(db: &Db) -> Result<Presence> {
    for tries in 1.. {
        if let Some(alone) = db.be_alone().await? {
            return Ok(alone);
        }
        if tries == TRIES {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    bail!(
        "another server uses this database, or another rebuild runs on it: stop all of them first. Nothing was changed"
    )
}

/// The database as it is; an empty one elsewhere when there is none, or nothing in it.
async fn to_look(config: &Config, beside: &Utf8Path, clock: &Clock) -> Result<Db> {
    let log_path = Some(beside.join("log.db").into_std_path_buf());
    let own = Options { log_path: log_path.clone(), ..start::options(config) };
    let path = sqlite_path(&own.url);
    let is_there = path.is_none_or(|path| path.metadata().is_ok_and(|meta| meta.len() > 0));
    if is_there {
        let db = Db::open_as_it_is(&own).await?;
        if db.damage().is_some() {
            return Ok(db);
        }
        match db.is_current().await? {
            Some(true) => return Ok(db),
            Some(false) => bail!(
                "the database is of another version of Patchwharf, and a dry run changes nothing in it: run the rebuild \
                 without --dry-run, which brings its schema up to date, or use the program that fits it"
            ),
            None => db.close().await,
        }
    }
    let empty = Options { log_path, ..Options::new(beside.join("patchwharf.db").as_str()) };
    Ok(Db::open(&empty, clock.now()).await?)
}

/// The file of an SQLite database.
fn sqlite_path(url: &str) -> Option<&Utf8Path> {
    match url.split_once("://") {
        Some(("sqlite", path)) => Some(path.into()),
        Some(_) => None,
        None => Some(url.into()),
    }
}
