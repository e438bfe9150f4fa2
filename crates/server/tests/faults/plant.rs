//! A vendor, its catalogue, and a server that has imported it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use patchwharf_model::{
    api::{Feed, FeedCreate, FeedRules, FeedSource, Location, SdpSource},
    job::JobState,
};
use patchwharf_testkit::{
    Payload, Server, Vendor,
    sdp::{Catalogue, Update},
    server::Setup,
};
use tempfile::TempDir;

use crate::ledger::Ledger;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_patchwharf");
/// Of a disk to lay it on. Small, but above what mkfs.xfs takes.
pub(crate) const DISK_MIB: u64 = 320;
pub(crate) const BULLETINS: usize = 8;
const UPDATES: usize = 2;
const FILES: usize = 2;

/// A bulletin whose one file is long enough for a checkpoint in the middle of its download.
pub(crate) const LARGE: &str = "PW26-LARGE";
const LARGE_BYTES: usize = 33 << 20;

/// Everything that a fault is tried on.
pub(crate) struct Plant {
    pub(crate) vendor: Arc<Vendor>,
    pub(crate) server: Server,
    pub(crate) ledger: Arc<Ledger>,
    /// Names of the bulletins.
    pub(crate) bulletins: Vec<String>,
    revisions: std::sync::atomic::AtomicU32,
    notes: TempDir,
}

static LARGE_FILE: OnceLock<Payload> = OnceLock::new();

/// Publishes the catalogue and the files of all bulletins; one file is the same in every bulletin.
fn publish(vendor: &Vendor, created: &str, foreign: &Path) -> Vec<String> {
    let shared = Payload::random("shared.cab", 30_000);
    let mut updates = Vec::new();
    let mut names = Vec::new();
    for bulletin in 0..BULLETINS {
        let name = format!("PW26-{bulletin:03}");
        for update in 0..UPDATES {
            let number = bulletin * UPDATES + update;
            let mut item = Update::new(number as u64 + 1, &name).created(created);
            for file in 0..FILES {
                let size = 3_000 + (number * 7 + file * 13) % 40 * 2_500;
                let payload = Payload::random(format!("update-{number}-{file}.exe"), size);
                give(foreign, &name, &payload);
                item = item.payload(vendor, &payload);
            }
            updates.push(if update == 0 { item.payload(vendor, &shared) } else { item });
        }
        names.push(name);
    }
    let large = LARGE_FILE.get_or_init(|| Payload::random("large.exe", LARGE_BYTES));
    updates.push(Update::new(1_000, LARGE).created(created).payload(vendor, large));
    vendor.publish("/catalogue.xml", Catalogue::new(updates).v1_xml());
    names
}

/// Lays a file under another name into the folder of its bulletin, unless it lies there.
fn give(foreign: &Path, bulletin: &str, payload: &Payload) {
    let folder = foreign.join(bulletin);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}.old", payload.name));
    if !path.exists() {
        std::fs::write(path, &payload.bytes).unwrap();
    }
}

/// The feed of a plant's vendor.
fn feed(vendor: &Vendor) -> FeedCreate {
    FeedCreate {
        name: "example".into(),
        source: FeedSource::Sdp(SdpSource { url: vendor.url("/catalogue.xml"), mirrors: Vec::new() }),
        rules: FeedRules::default(),
        auto_stage: None,
        accept_sha1: false,
        ca: None,
        schedule_minutes: None,
    }
}

impl Plant {
    /// On SQLite in a temporary folder.
    pub(crate) async fn start() -> Self {
        Self::with(Server::setup(BINARY)).await
    }

    /// With data and packages in these folders.
    pub(crate) async fn at(data: &Path, packages: &Path) -> Self {
        Self::with(Server::setup(BINARY).data(data).packages(packages)).await
    }

    /// With a set-up of the caller's.
    pub(crate) async fn with(setup: Setup) -> Self {
        let vendor = Arc::new(Vendor::start());
        let notes = TempDir::with_prefix("patchwharf-ledger-").unwrap();
        let bulletins = publish(&vendor, "2026-11-01T08:00:00Z", &notes.path().join("foreign"));
        let ledger = Arc::new(Ledger::new(&notes.path().join("acknowledged")));
        let server = setup.start().await;
        let plant = Self { vendor, server, ledger, bulletins, revisions: 0.into(), notes };
        plant.import().await;
        let there = plant.places()[1].display().to_string();
        let _: Location = plant.server.api().post("/api/v1/locations", &serde_json::json!({"path": there})).await;
        plant
    }

    /// The first package location, and another in the data folder: beside the database, when the first is elsewhere.
    pub(crate) fn places(&self) -> [PathBuf; 2] {
        let real = |path: &Path| path.canonicalize().expect("it is there");
        [real(&self.server.packages()), real(self.server.data()).join("packages-there")]
    }

    /// A folder that is not the server's, with the files of all bulletins.
    pub(crate) fn foreign(&self) -> PathBuf {
        self.notes.path().canonicalize().expect("it is there").join("foreign")
    }

    /// The vendor publishes the same catalogue with a later date on every update.
    pub(crate) fn publish_revision(&self) {
        let count = self.revisions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let hour = jiff::SignedDuration::from_secs(60 * i64::from(count + 1));
        let created: jiff::Timestamp = "2026-11-02T00:00:00Z".parse().unwrap();
        publish(&self.vendor, &(created + hour).to_string(), &self.foreign());
    }

    pub(crate) async fn import(&self) {
        let feed: Feed = self.server.api().post("/api/v1/feeds", &feed(&self.vendor)).await;
        self.ledger.feed(feed.id);
        let path = format!("/api/v1/feeds/{}/import", feed.id);
        let job = self.server.api().run_job(&path, &serde_json::json!({})).await;
        assert_eq!(job.job.state, JobState::Done, "{job:#?}");
        self.ledger.job_ended(job.job.id, job.job.state);
    }
}
