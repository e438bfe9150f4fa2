//! The running server: what every request and every job can reach.

use std::{fmt, sync::Arc};

use patchwharf_model::{DeploymentId, InstanceId, LocationId};

pub use patchwharf_db::Db;
use patchwharf_store::KnownKeys;
pub use patchwharf_store::Location;
pub use patchwharf_trust::ManifestKey;

use crate::{
    clock::Clock, config::Config, fetch::Fetcher, jobs::Jobs, logs::Logs, metrics::Metrics, operations::OperationError,
    serve::Downloads,
};

/// The running server.
#[derive(Debug)]
pub struct App {
    /// How it is set up.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The resource database.
    pub db: Db,
    /// Open package locations.
    pub locations: Locations,
    /// Signs manifests.
    pub signing_key: ManifestKey,
    /// Jobs: submit, watch, pause, cancel.
    pub jobs: Jobs,
    /// Downloads.
    pub fetch: Fetcher,
    /// The log: live tail and store.
    pub logs: Logs,
    /// Counters for `/metrics`.
    pub metrics: Metrics,
    /// This data folder: owner of job leases.
    pub instance: InstanceId,
    /// All servers of one database.
    pub deployment: DeploymentId,
    /// What package downloads remember between requests.
    pub downloads: Downloads,
    /// The administrator's token.
    pub admin_token: Secret,
}

impl App {
    /// Whose signatures on manifests are believed: this server's, and those of the servers that share its database. A
    /// database of its own is not asked: who can change it must not be able to make a key believed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn known_keys(&self) -> patchwharf_db::Result<KnownKeys> {
        let own = self.signing_key.public();
        if !self.db.is_shared() {
            return Ok(KnownKeys::new(own, Vec::new()));
        }
        let noted = patchwharf_db::settings::manifest_keys(&self.db).await?;
        Ok(KnownKeys::new(own, noted.iter().filter_map(|key| key.parse().ok()).collect()))
    }
}

/// Open package locations; one is the default for new packages.
#[derive(Clone, Debug)]
pub struct Locations {
    all: Arc<[Arc<Location>]>,
}

impl Locations {
    /// The locations that were opened at start; the first is the default.
    #[must_use]
    pub fn new(all: Vec<Arc<Location>>) -> Self {
        Self { all: all.into() }
    }

    /// Where new packages go.
    ///
    /// # Errors
    /// None is open.
    pub fn default_location(&self) -> Result<&Arc<Location>, OperationError> {
        self.all.first().ok_or_else(|| {
            OperationError::new("no-location", "no package location is open; see the log of the server's start")
        })
    }

    /// The one with this id.
    ///
    /// # Errors
    /// It is not open here.
    pub fn get(&self, id: LocationId) -> Result<&Arc<Location>, OperationError> {
        self.all.iter().find(|l| l.id() == id).ok_or_else(|| {
            OperationError::new("no-location", format!("package location {id} is not open; see the log of the start"))
        })
    }

    /// All that are open.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Location>> {
        self.all.iter()
    }
}

/// A text that is never shown: not in logs, errors or debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration how much was right.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        patchwharf_trust::constant_time_eq(self.0.as_bytes(), presented.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
