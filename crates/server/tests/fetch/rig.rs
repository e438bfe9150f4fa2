//! A downloader, a location and a vendor.

use std::{io, net::IpAddr, path::Path, sync::Arc, time::Duration};

use camino::Utf8PathBuf;
use patchwharf_model::{DeploymentId, update::VendorDigest};
use patchwharf_server::{
    clock::Clock,
    config::FetchConfig,
    fetch::{FetchError, FetchRequest, Fetcher, Lookup, Source, Trust},
    jobs::{ProgressHandle, Stop},
    metrics::Metrics,
};
use patchwharf_store::{Expected, Location, Verified};
use patchwharf_testkit::{Payload, Vendor};
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) fetcher: Fetcher,
    pub(crate) vendor: Vendor,
    pub(crate) location: Arc<Location>,
    pub(crate) progress: ProgressHandle,
    pub(crate) stop: Stop,
    pub(crate) metrics: Metrics,
    folder: TempDir,
}

/// Limits short enough for tests.
pub(crate) fn config() -> FetchConfig {
    FetchConfig {
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(10),
        slow_after: Duration::from_secs(60),
        attempts: 3,
        backoff: Duration::from_millis(5),
        backoff_cap: Duration::from_millis(200),
        reserve_bytes: 0,
        ..FetchConfig::default()
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut FetchConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        Self::build(&config, None)
    }

    pub(crate) fn with_names(change: impl FnOnce(&mut FetchConfig), lookup: Lookup) -> Self {
        let mut config = config();
        change(&mut config);
        Self::build(&config, Some(lookup))
    }

    fn build(config: &FetchConfig, lookup: Option<Lookup>) -> Self {
        let folder = TempDir::new().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap().join("packages")).unwrap();
        let clock = Clock::system();
        let location = Arc::new(Location::create(&path, DeploymentId::new(), clock.now()).unwrap());
        let metrics = Metrics::default();
        let fetcher = fetcher(config, lookup, &metrics);
        Self {
            fetcher,
            vendor: Vendor::start(),
            location,
            progress: ProgressHandle::default(),
            stop: Stop::new(),
            metrics,
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of a path, configured by the administrator.
    pub(crate) fn configured(&self, path: &str) -> Source {
        source(&self.vendor.url(path), Trust::Configured)
    }

    /// Fetches a payload from `/file` of the vendor.
    pub(crate) async fn fetch(&self, payload: &Payload) -> Result<Arc<Verified>, FetchError> {
        self.fetch_from(payload, vec![self.configured("/file")]).await
    }

    pub(crate) async fn fetch_from(
        &self,
        payload: &Payload,
        sources: Vec<Source>,
    ) -> Result<Arc<Verified>, FetchError> {
        self.fetcher.fetch(self.request(payload, sources)).await
    }

    pub(crate) fn request(&self, payload: &Payload, sources: Vec<Source>) -> FetchRequest {
        FetchRequest {
            name: payload.name.clone(),
            sources,
            expected: expected(payload),
            into: Arc::clone(&self.location),
            progress: self.progress.file(&payload.name, payload.size_bytes()),
            stop: self.stop.clone(),
        }
    }

    /// Names of everything below the location, without the marker.
    pub(crate) fn on_disk(&self) -> Vec<String> {
        fn walk(folder: &Path, names: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, names);
                } else if path.file_name().is_some_and(|n| n != "location.json") {
                    names.push(path.display().to_string());
                }
            }
        }
        let mut names = Vec::new();
        walk(self.location.path().as_std_path(), &mut names);
        names
    }
}

pub(crate) fn fetcher(config: &FetchConfig, lookup: Option<Lookup>, metrics: &Metrics) -> Fetcher {
    let clock = Clock::system();
    match lookup {
        Some(lookup) => Fetcher::with_lookup(config, clock, metrics.clone(), lookup).unwrap(),
        None => Fetcher::new(config, clock, metrics.clone()).unwrap(),
    }
}

pub(crate) fn expected(payload: &Payload) -> Expected {
    Expected { digest: VendorDigest::Sha256(payload.sha256()), size_bytes: payload.size_bytes(), pinned: None }
}

pub(crate) fn source(url: &str, trust: Trust) -> Source {
    Source { url: url.parse().unwrap(), trust, pin: None }
}

/// Names whose addresses the test decides, one answer after the other; the last one stays.
pub(crate) fn names(answers: &[(&str, &[&str])]) -> Lookup {
    use std::{collections::HashMap, sync::Mutex};
    let table: HashMap<String, Vec<IpAddr>> = answers
        .iter()
        .map(|(name, addresses)| ((*name).to_owned(), addresses.iter().map(|a| a.parse().unwrap()).collect()))
        .collect();
    let asked: Mutex<HashMap<String, usize>> = Mutex::default();
    Arc::new(move |name: String| {
        let answer = table.get(&name).map(|addresses| {
            let mut asked = asked.lock().unwrap();
            let turn = asked.entry(name).or_default();
            let address = addresses[(*turn).min(addresses.len() - 1)];
            *turn += 1;
            vec![address]
        });
        Box::pin(async move { answer.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name")) })
    })
}

/// The whole text of an error: its own and that of its causes.
pub(crate) fn whole_text(error: &FetchError) -> String {
    let mut text = format!("{error} / {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
