//! The package locations as this server has them open. What the database names is opened when it is there; one that is
//! away leaves its packages "location not open", is told, and is opened by itself when it comes back. Nothing at it is
//! touched meanwhile.

mod change;
mod looks;
mod opening;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use camino::Utf8PathBuf;
use patchwharf_db::{Db, locations as table};
use patchwharf_model::{DeploymentId, LocationId};
use patchwharf_store::{Location, stamps::Stamps};

pub(crate) use change::{add, is_lost, make_default};
pub(crate) use looks::Looks;

use crate::operations::OperationError;

/// How long a file system may take to say whether a location is there: an alarm comes within ten seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The package locations of this server's database; one is the default for new packages. Clones share one list, which
/// follows the database by [`Locations::reload`]; what was handed out stays open for whoever has it.
#[derive(Clone)]
pub struct Locations(Arc<Inner>);

struct Inner {
    deployment: DeploymentId,
    /// What our own links and unlinks did, over all locations: a hard link may reach over two of them.
    stamps: Arc<Stamps>,
    entries: RwLock<Arc<[Entry]>>,
    reloading: tokio::sync::Mutex<Looks<LocationId, Entry>>,
    /// One location is added at a time: what it must not lie in is known until it is on record.
    adding: tokio::sync::Mutex<()>,
}

/// A location that the database names.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: LocationId,
    pub(crate) path: Utf8PathBuf,
    pub(crate) is_default: bool,
    pub(crate) place: Place,
}

/// Whether a location can be used.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Open(Arc<Location>),
    /// Why it is not open, for people.
    Closed(String),
}

impl Locations {
    /// None yet: [`Self::reload`] opens what the database names.
    #[must_use]
    pub fn new(deployment: DeploymentId) -> Self {
        let entries = RwLock::new(Arc::from(Vec::new()));
        let (reloading, adding) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { deployment, stamps: Arc::default(), entries, reloading, adding }))
    }

    /// Follows the database: opens what it names and is not open, lets go of what it no longer names or what is not
    /// where it was. The default location stays open even so: nothing may be taken for gone because its path leads
    /// elsewhere for a while. One whose file system hangs costs the others nothing: it is not open until it answers.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reload(&self, db: &Db) -> Result<(), OperationError> {
        let mut looks = self.0.reloading.lock().await;
        let mut rows = table::list(db).await?;
        rows.sort_by_key(|row| !row.is_default);
        let before = self.entries();
        let known = |row: &table::Location| before.iter().find(|entry| entry.id == row.location_id).cloned();
        let all = rows.iter().map(|row| {
            let (row, known, own) = (row.clone(), known(row), self.clone());
            (row.location_id, move || opening::follow(row, known.as_ref(), own.0.deployment, &own.0.stamps))
        });
        let seen = looks.all(all, PATIENCE).await.map_err(|e| {
            OperationError::new("interrupted", "opening the package locations was interrupted").because(e).transient()
        })?;
        let after: Vec<Entry> =
            rows.iter().zip(seen).map(|(row, seen)| opening::seen(row, known(row).as_ref(), seen)).collect();
        *self.0.entries.write().unwrap_or_else(PoisonError::into_inner) = after.into();
        Ok(())
    }

    /// Where new packages go.
    ///
    /// # Errors
    /// It is not open.
    pub fn default_location(&self) -> Result<Arc<Location>, OperationError> {
        let entries = self.entries();
        match entries.iter().find(|entry| entry.is_default) {
            Some(entry) => entry.open(),
            None => Err(OperationError::new("no-location", "the database names no default package location")),
        }
    }

    /// The one with this id.
    ///
    /// # Errors
    /// It is not open here.
    pub fn get(&self, id: LocationId) -> Result<Arc<Location>, OperationError> {
        match self.entries().iter().find(|entry| entry.id == id) {
            Some(entry) => entry.open(),
            None => Err(OperationError::new("no-location", format!("package location {id} is not known here"))),
        }
    }

    /// All that are open, the default one first.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Location>> + use<> {
        let open = |entry: &Entry| match &entry.place {
            Place::Open(location) => Some(Arc::clone(location)),
            Place::Closed(_) => None,
        };
        self.entries().iter().filter_map(open).collect::<Vec<_>>().into_iter()
    }

    /// All that the database names, open or not, the default one first.
    pub(crate) fn entries(&self) -> Arc<[Entry]> {
        Arc::clone(&self.0.entries.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entry {
    fn open(&self) -> Result<Arc<Location>, OperationError> {
        match &self.place {
            Place::Open(location) => Ok(Arc::clone(location)),
            Place::Closed(why) => {
                let text = format!("package location {} at {} is not open: {why}", self.id, self.path);
                Err(OperationError::new("no-location", text))
            }
        }
    }
}

impl fmt::Debug for Locations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Locations").field(&self.entries()).finish()
    }
}
