//! A vendor, a data folder, and a server on it that can be stopped and started again.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use camino::Utf8PathBuf;
use patchwharf_db::{
    catalogue::{self, Counting, NewBulletin, NewUpdate, Switch},
    feeds::{self, NewFeed},
    jobs as job_table, locations, packages,
    updates::{self, Update},
};
use patchwharf_model::{
    BulletinId, FeedId, FileName, JobId, LocationId, Severity, Sha256, Timestamp,
    job::{JobRequest, JobState, Report, ReportItem, Selection},
    package::VersionState,
    update::{PayloadFile, VendorDigest},
};
use patchwharf_server::{
    app::App,
    clock::Clock,
    config::Config,
    jobs::Order,
    logs::Logs,
    metrics::Metrics,
    start::{self, Running},
};
use patchwharf_testkit::{Payload, Vendor};
use std::sync::Arc;
use tempfile::TempDir;

/// How long a job may take. Generous: the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(120);

pub struct World {
    pub vendor: Vendor,
    pub home: TempDir,
    pub clock: Clock,
    pub feed: FeedId,
    running: Option<Running>,
}

/// How a job ended.
#[derive(Debug)]
pub struct Ended {
    pub state: JobState,
    pub report: Report,
}

impl Ended {
    /// The report's line about a thing whose name contains `what`.
    pub fn item(&self, what: &str) -> &ReportItem {
        self.report.items.iter().find(|item| item.item.contains(what)).unwrap_or_else(|| panic!("{what}: {self:#?}"))
    }

    pub fn count(&self, outcome: &str) -> u64 {
        self.report.counts.get(outcome).copied().unwrap_or(0)
    }

    pub fn done(self) -> Self {
        assert_eq!(self.state, JobState::Done, "{self:#?}");
        self
    }

    pub fn failed(self) -> Self {
        assert_eq!(self.state, JobState::Failed, "{self:#?}");
        self
    }

    /// Asserts that it is a look that came to its end, and names what is wrong or would fail.
    pub fn found(self) -> Self {
        assert_eq!(self.state, JobState::Done, "{self:#?}");
        assert!(self.report.items_failed > 0, "{self:#?}");
        self
    }
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl Fn(&mut Config)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let vendor = Vendor::start();
        let clock = Clock::fixed("2026-11-22T12:00:00Z".parse().unwrap());
        let feed = FeedId(uuid::Uuid::nil());
        let mut world = Self { vendor, home, clock, feed, running: None };
        world.run_server_with(change).await;
        let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
        let config =
            serde_json::json!({ "source": { "kind": "sdp", "url": world.vendor.url("/catalogue.xml") } }).to_string();
        let new =
            NewFeed { name: "vendor".into(), kind: "sdp".into(), config, accept_sha1: false, schedule_minutes: None };
        let feed = feeds::create(&mut w, &new).await.unwrap();
        w.commit().await.unwrap();
        world.feed = feed;
        world
    }

    pub fn app(&self) -> &Arc<App> {
        &self.running.as_ref().expect("the server runs").app
    }

    fn config(&self) -> Config {
        let mut config = Config { data: self.data(), ..Config::default() };
        config.fetch.reserve_bytes = 1 << 20;
        config.fetch.attempts = 2;
        config.fetch.backoff = Duration::from_millis(5);
        config.fetch.backoff_cap = Duration::from_millis(20);
        config
    }

    pub fn data(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.home.path().join("data")).unwrap()
    }

    pub async fn run_server(&mut self) {
        self.run_server_with(|_| {}).await;
    }

    pub async fn run_server_with(&mut self, change: impl Fn(&mut Config)) {
        let mut config = self.config();
        change(&mut config);
        let metrics = Metrics::default();
        let logs = Logs::new(&metrics);
        self.running = Some(start::start(config, self.clock.clone(), metrics, logs).await.unwrap());
    }

    pub async fn stop_server(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Moves the clock on.
    pub fn later(&self, by: Duration) {
        self.clock.set(self.clock.now().checked_add(by).unwrap());
    }

    /// Describes one update per bulletin in the vendor's catalogue, which becomes current.
    pub async fn catalogue(&self, bulletins: &[(&str, Vec<PayloadFile>)]) {
        let updates: Vec<_> = bulletins.iter().map(|(name, files)| self.described(name, files.clone())).collect();
        self.catalogue_of(&updates).await;
    }

    /// Makes a catalogue of these updates current, each in a bulletin of its own.
    pub async fn catalogue_of(&self, updates: &[NewUpdate]) {
        let db = &self.app().db;
        let now = self.clock.now();
        let mut w = db.write("test", "test", now).await.unwrap();
        let generation = catalogue::begin_generation(&mut w, self.feed).await.unwrap();
        let rows: Vec<NewBulletin> = updates.iter().map(|update| new_bulletin(&update.bulletin, now)).collect();
        catalogue::put_bulletins(&mut w, self.feed, generation, &rows).await.unwrap();
        catalogue::put_updates(&mut w, self.feed, generation, updates).await.unwrap();
        w.commit().await.unwrap();
        let mut w = db.write("test", "test", now).await.unwrap();
        let mut counting = Counting::begin(db, self.feed, generation).await.unwrap();
        let counted = counting.next(&mut w, usize::MAX).await.unwrap().unwrap();
        let switch = Switch { counted, fingerprint: None, catalogue_date: None };
        catalogue::switch_generation(&mut w, &switch).await.unwrap();
        w.commit().await.unwrap();
    }

    /// The update of a bulletin as a catalogue describes it.
    pub fn described(&self, bulletin: &str, files: Vec<PayloadFile>) -> NewUpdate {
        new_update(bulletin, files, self.clock.now())
    }

    /// Publishes a payload and describes it.
    pub fn publish(&self, payload: &Payload) -> PayloadFile {
        self.vendor.publish(&format!("/{}", payload.name), payload);
        self.describe(payload)
    }

    pub fn describe(&self, payload: &Payload) -> PayloadFile {
        PayloadFile {
            name: FileName::new(payload.name.clone()).unwrap(),
            size_bytes: payload.size_bytes(),
            digest: VendorDigest::Sha256(payload.sha256()),
            url: Some(self.vendor.url(&format!("/{}", payload.name))),
            languages: Vec::new(),
        }
    }

    pub async fn order(&self, request: JobRequest) -> JobId {
        self.app().jobs.order(request, Order::by("admin")).await.unwrap().job
    }

    pub async fn ended(&self, job: JobId) -> Ended {
        let end = std::time::Instant::now() + DEADLINE;
        loop {
            let row = job_table::show(&self.app().db, job).await.unwrap();
            if row.state.is_final() {
                return Ended { state: row.state, report: row.report.unwrap_or_default() };
            }
            assert!(std::time::Instant::now() < end, "job {job} does not end: {row:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn run(&self, request: JobRequest) -> Ended {
        let job = self.order(request).await;
        self.ended(job).await
    }

    pub async fn bulletin(&self, name: &str) -> BulletinId {
        let known = catalogue::known_bulletins(&self.app().db, self.feed).await.unwrap();
        known.get(name).unwrap().bulletin_id
    }

    pub async fn of(&self, names: &[&str]) -> Selection {
        let known = catalogue::known_bulletins(&self.app().db, self.feed).await.unwrap();
        Selection::Bulletins(names.iter().map(|name| known.get(*name).unwrap().bulletin_id).collect())
    }

    pub async fn stage(&self, names: &[&str]) -> Ended {
        self.run(JobRequest::Stage { of: self.of(names).await }).await
    }

    pub async fn refresh(&self, names: &[&str]) -> Ended {
        self.run(JobRequest::RefreshQuick { of: self.of(names).await }).await
    }

    /// The only update of a bulletin, with its package.
    pub async fn update(&self, bulletin: &str) -> Update {
        let id = self.bulletin(bulletin).await;
        let mut found = updates::by_bulletins(&self.app().db, &[id]).await.unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    /// The folder of a bulletin's current version.
    pub async fn folder(&self, bulletin: &str) -> PathBuf {
        let update = self.update(bulletin).await;
        let package = update.package_id.expect("it has a package").to_string();
        let version = update.current_version.expect("it has a current version").to_string();
        let place = locations::show(&self.app().db, self.location_of(bulletin).await).await.unwrap().path;
        place.join(package).join(version).into()
    }

    /// Makes another package location beside the first, and the default if wanted.
    pub async fn location(&self, name: &str, default: bool) -> LocationId {
        let path = Utf8PathBuf::from_path_buf(self.home.path().canonicalize().unwrap().join(name)).unwrap();
        let now = self.clock.now();
        let location = patchwharf_store::Location::create(&path, self.app().deployment, now).unwrap();
        let mut w = self.app().db.write("test", "test", now).await.unwrap();
        locations::create(&mut w, location.id(), &path).await.unwrap();
        if default {
            locations::set_default(&mut w, location.id()).await.unwrap();
        }
        w.commit().await.unwrap();
        self.app().locations.reload(&self.app().db).await.unwrap();
        location.id()
    }

    /// Stages one bulletin for each payload, named `B-1` and so on; makes another location beside the first one.
    pub async fn with_two_places(payloads: &[&Payload]) -> (Self, LocationId, LocationId) {
        let world = Self::start().await;
        let names: Vec<String> = (1..=payloads.len()).map(|n| format!("B-{n}")).collect();
        let files: Vec<_> = payloads.iter().map(|payload| vec![world.publish(payload)]).collect();
        let all: Vec<_> = names.iter().map(String::as_str).zip(files).collect();
        world.catalogue(&all).await;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        world.stage(&names).await.done();
        let old = world.location_of("B-1").await;
        let new = world.location("new", true).await;
        (world, old, new)
    }

    /// Moves everything.
    pub async fn relocate(&self, from: LocationId, to: LocationId) -> Ended {
        self.run(relocation(from, to)).await
    }

    /// The root folder of a location.
    pub async fn place(&self, id: LocationId) -> PathBuf {
        locations::show(&self.app().db, id).await.unwrap().path.into()
    }

    /// The folder of a bulletin's current version, as it is or would be at a location.
    pub async fn folder_at(&self, bulletin: &str, id: LocationId) -> PathBuf {
        let folder = self.folder(bulletin).await;
        let version = folder.file_name().unwrap().to_owned();
        let package = folder.parent().unwrap().file_name().unwrap().to_owned();
        self.place(id).await.join(package).join(version)
    }

    /// The originals of a bulletin's current version: where they lie, and whether they are the same data.
    pub async fn originals(&self, bulletin: &str) -> Vec<(LocationId, bool)> {
        let update = self.update(bulletin).await;
        let key = (update.package_id.unwrap(), update.current_version.unwrap());
        let found = packages::originals_of(&self.app().db, &[key]).await.unwrap();
        found.into_iter().map(|original| (original.location_id, original.same_data)).collect()
    }

    /// Where a bulletin's current version lies.
    pub async fn location_of(&self, bulletin: &str) -> LocationId {
        let update = self.update(bulletin).await;
        let versions = packages::versions_of(&self.app().db, &[update.update_id]).await.unwrap();
        versions.into_iter().find(|v| v.is_current).expect("it has a current version").location_id
    }

    pub fn packages(&self) -> PathBuf {
        self.data().join("packages").into()
    }

    /// Names and contents of a bulletin's current version, without its manifest.
    pub async fn content(&self, bulletin: &str) -> BTreeMap<String, Vec<u8>> {
        std::fs::read_dir(self.folder(bulletin).await)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_name() != "package.json")
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect()
    }

    /// Asserts that a bulletin's package is staged and has exactly these files.
    pub async fn assert_staged(&self, bulletin: &str, payloads: &[&Payload]) {
        let update = self.update(bulletin).await;
        assert_eq!(update.state, Some(VersionState::Staged), "{bulletin}");
        let expected: BTreeMap<String, Vec<u8>> =
            payloads.iter().map(|payload| (payload.name.clone(), payload.bytes.to_vec())).collect();
        let found = self.content(bulletin).await;
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        assert!(found == expected, "the files of {bulletin} are not those of the vendor");
    }

    /// The newest version of a bulletin's package, whatever its state.
    pub async fn newest(&self, bulletin: &str) -> packages::Version {
        let update = self.update(bulletin).await;
        let versions = packages::versions_of(&self.app().db, &[update.update_id]).await.unwrap();
        versions.into_iter().max_by_key(|v| (v.active, v.version)).expect("it has a version")
    }

    /// Asserts what the independent checker says of database and disk: every invariant holds.
    pub async fn check(&mut self) {
        self.stop_server().await;
        let findings = fsck(&self.data());
        assert!(findings.is_empty(), "{findings}");
        self.run_server().await;
    }
}

/// A relocation of everything, by copying.
pub fn relocation(from: LocationId, to: LocationId) -> JobRequest {
    let (link, restage, dry_run) = (false, false, false);
    JobRequest::Relocate { of: Selection::All, from: Some(from), to, link, restage, dry_run }
}

/// What the independent checker says of a data folder; empty: every invariant holds.
pub fn fsck(data: &camino::Utf8Path) -> String {
    patchwharf_testkit::fsck(env!("CARGO_BIN_EXE_patchwharf"), data.as_std_path(), None)
}

fn new_bulletin(name: &str, now: Timestamp) -> NewBulletin {
    NewBulletin {
        name: name.into(),
        title: format!("Bulletin {name}"),
        description: String::new(),
        vendor: "Vendor".into(),
        severity: Severity::Important,
        released_at: None,
        revised_at: now,
        cves: Vec::new(),
        kbs: Vec::new(),
        superseded_by: None,
        withdrawn: false,
        listed: true,
        digest: patchwharf_testkit::payload::sha256(name.as_bytes()),
    }
}

fn new_update(bulletin: &str, files: Vec<PayloadFile>, now: Timestamp) -> NewUpdate {
    let described = serde_json::to_vec(&files).unwrap();
    let digest: Sha256 = patchwharf_testkit::payload::sha256(&described);
    NewUpdate {
        key: format!("{bulletin}.update"),
        bulletin: bulletin.into(),
        revised_at: now,
        title: format!("Update of {bulletin}"),
        vendor: "Vendor".into(),
        classification: "Security Updates".into(),
        architecture: String::new(),
        version: "1".into(),
        severity: Severity::Important,
        update_type: "software".into(),
        withdrawn: false,
        superseded_by: None,
        size_bytes: files.iter().map(|file| file.size_bytes).sum(),
        files,
        files_digest: digest,
        item: "{}".into(),
        digest,
    }
}
