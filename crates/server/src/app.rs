//! The running server: what every request and every job can reach.

use std::{fmt, sync::Arc};

use camino::Utf8Path;
use patchwharf_model::{DeploymentId, InstanceId};

pub use patchwharf_db::Db;
use patchwharf_store::KnownKeys;
pub use patchwharf_store::Location;
pub use patchwharf_trust::ManifestKey;

pub use crate::locations::Locations;
use crate::{
    access::{Attempts, Confirmed, Reads, Streams},
    clock::{Ages, Clock},
    config::Config,
    counts::Counts,
    fetch::Fetcher,
    jobs::Jobs,
    logs::Logs,
    metrics::Metrics,
    notify::Channels,
    serve::Downloads,
    settings::Live,
    tls::Troubles,
    token::AdminToken,
    trail::Verdict,
    trusted,
    uploads::Uploads,
};

/// The running server.
#[derive(Debug)]
pub struct App {
    /// How it is set up.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// What may be deleted for its age.
    pub ages: Ages,
    /// The resource database.
    pub db: Db,
    /// Package locations, open or not.
    pub locations: Locations,
    /// Signs manifests.
    pub signing_key: ManifestKey,
    /// Jobs: submit, watch, pause, cancel.
    pub jobs: Jobs,
    /// Downloads.
    pub fetch: Fetcher,
    /// Who is told by itself.
    pub notify: Channels,
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
    pub admin_token: AdminToken,
    /// Counts over everything, for pages.
    pub counts: Counts,
    /// Files that administrators send, on their way to a job.
    pub uploads: Uploads,
    /// What is set and counts in running work.
    pub live: Live,
    /// What is not well with the certificates.
    pub tls: Troubles,
    /// Whether the audit trail holds.
    pub trail: Verdict,
    /// Sign-ins that failed of late.
    pub attempts: Attempts,
    /// Sessions that have given their password a moment ago.
    pub confirmed: Confirmed,
    /// Who follows events.
    pub streams: Streams,
    /// Reads that cost much.
    pub reads: Arc<Reads>,
}

impl App {
    /// Whose signatures on manifests are believed: this server's, those of deployments that were taken over by their keys
    /// (`trusted.keys` in the data folder), and those of the servers that share its database. A
    /// database of its own is not asked: who can change it must not be able to make a key believed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn known_keys(&self) -> patchwharf_db::Result<KnownKeys> {
        known_keys(&self.db, &self.signing_key, &self.config.data).await
    }
}

/// See [`App::known_keys`].
pub(crate) async fn known_keys(db: &Db, own: &ManifestKey, data: &Utf8Path) -> patchwharf_db::Result<KnownKeys> {
    let noted = match db.is_shared() {
        true => patchwharf_db::settings::manifest_keys(db).await?,
        false => Vec::new(),
    };
    let mut others = trusted::read(data);
    others.extend(noted.iter().filter_map(|key| key.parse::<patchwharf_trust::PublicKey>().ok()));
    Ok(KnownKeys::new(own.public(), others))
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
