//! A database of its own for each test, and things to put in it.

use jiff::{SignedDuration, Timestamp};
use patchwharf_db::{
    Db, Options, Write, catalogue,
    catalogue::{Counted, Counting, NewBulletin, NewUpdate, Switch},
    feeds, locations,
    packages::{self, LockOutcome, NewFile, NewVersion, StagedFile, StagedVersion},
};
use patchwharf_model::{
    FeedId, FileName, JobId, LocationId, PackageId, Severity, Sha256, UpdateId,
    package::{ProofStamp, VersionState},
    update::{PayloadFile, VendorDigest},
};
use tokio::sync::OnceCell;

pub struct Sandbox {
    pub db: Db,
    pub url: String,
    pub folder: Option<tempfile::TempDir>,
    postgres: Option<(String, String)>,
}

/// Second `n` of the tests' time.
pub fn at(n: i64) -> Timestamp {
    "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(n)
}

pub fn server() -> Option<String> {
    let url = std::env::var("PATCHWHARF_TEST_POSTGRES").ok();
    if url.is_none() {
        patchwharf_testkit::skipped(
            "PATCHWHARF_TEST_POSTGRES is not set, the PostgreSQL half of this test did not run",
        );
    }
    url
}

pub fn in_server(server: &str, database: &str) -> String {
    format!("{}/{database}", server.rsplit_once('/').unwrap().0)
}

pub async fn admin(server: &str, sql: String) {
    use sqlx::{Connection, Executor};
    let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
}

/// A migrated database that the others are copied from; made once per run.
async fn template(server: &str) -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let name = format!("patchwharf_template_{}", std::process::id());
            admin(server, format!("DROP DATABASE IF EXISTS {name}")).await;
            admin(server, format!("CREATE DATABASE {name}")).await;
            let db = Db::open(&Options::new(in_server(server, &name)), at(0)).await.unwrap();
            db.close().await;
            name
        })
        .await
        .clone()
}

impl Sandbox {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/patchwharf.db", folder.path().display());
        let db = Db::open(&Options::new(&url), at(0)).await.unwrap();
        Self { db, url, folder: Some(folder), postgres: None }
    }

    pub async fn postgres() -> Option<Self> {
        let server = server()?;
        let template = template(&server).await;
        let name = format!("patchwharf_test_{}", uuid::Uuid::now_v7().simple());
        // A template cannot be copied by two at once.
        static COPY: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let one = COPY.lock().await;
        admin(&server, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        drop(one);
        let url = in_server(&server, &name);
        let db = Db::open(&Options::new(&url), at(0)).await.unwrap();
        Some(Self { db, url, folder: None, postgres: Some((server, name)) })
    }

    /// Around a database that somebody else makes and removes.
    pub fn around(db: Db, url: String) -> Self {
        Self { db, url, folder: None, postgres: None }
    }

    pub async fn close(self) {
        self.db.close().await;
        if let Some((server, name)) = self.postgres {
            admin(&server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }

    pub async fn write(&self, second: i64) -> Write<'_> {
        self.db.write("tester", "test", at(second)).await.unwrap()
    }

    /// A feed by this name.
    pub async fn feed(&self, name: &str) -> FeedId {
        let mut w = self.write(1).await;
        let new = feeds::NewFeed {
            name: name.into(),
            kind: "sdp".into(),
            config: "{}".into(),
            accept_sha1: false,
            schedule_minutes: None,
        };
        let id = feeds::create(&mut w, &new).await.unwrap();
        w.commit().await.unwrap();
        id
    }

    /// Imports bulletins `B0000..` with one update `u0000..` each, as one generation.
    pub async fn import(&self, feed: FeedId, bulletins: Vec<NewBulletin>, updates: Vec<NewUpdate>) -> Vec<UpdateId> {
        let mut w = self.write(2).await;
        let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
        catalogue::put_bulletins(&mut w, feed, generation, &bulletins).await.unwrap();
        let put = catalogue::put_updates(&mut w, feed, generation, &updates).await.unwrap();
        w.commit().await.unwrap();
        self.switch(feed, generation).await;
        put.into_iter().map(|p| p.update_id).collect()
    }

    /// Counts what was written under a generation.
    pub async fn counted(&self, feed: FeedId, generation: i64) -> Counted {
        let mut counting = Counting::begin(&self.db, feed, generation).await.unwrap();
        loop {
            let mut w = self.write(2).await;
            let counted = counting.next(&mut w, 1_000).await.unwrap();
            w.commit().await.unwrap();
            if let Some(counted) = counted {
                return counted;
            }
        }
    }

    /// Counts a generation and makes it current.
    pub async fn switch(&self, feed: FeedId, generation: i64) {
        let counted = self.counted(feed, generation).await;
        let mut w = self.write(2).await;
        let switch = Switch { counted, fingerprint: Some("f".into()), catalogue_date: Some(at(9)) };
        catalogue::switch_generation(&mut w, &switch).await.unwrap();
        w.commit().await.unwrap();
    }

    /// A feed with `count` bulletins of one update each.
    pub async fn catalogue(&self, count: usize) -> (FeedId, Vec<UpdateId>) {
        let feed = self.feed("hp").await;
        let ids =
            self.import(feed, (0..count).map(bulletin).collect(), (0..count).map(|n| update(n, "1")).collect()).await;
        (feed, ids)
    }

    pub async fn location(&self) -> LocationId {
        let id = LocationId::new();
        let mut w = self.write(1).await;
        locations::create(&mut w, id, format!("/srv/{id}").as_str().into()).await.unwrap();
        w.commit().await.unwrap();
        id
    }

    /// Locks, makes a version of each, as the stage job does. Returns what can be committed.
    pub async fn begin_stage(&self, job: JobId, location: LocationId, updates: &[UpdateId]) -> Vec<StagedVersion> {
        let mut w = self.write(10).await;
        let refs = packages::ensure(&mut w, updates).await.unwrap();
        let ids: Vec<PackageId> = refs.iter().map(|r| r.package_id).collect();
        let locks = packages::lock(&mut w, &ids, job, at(1000)).await.unwrap();
        let known = patchwharf_db::updates::by_ids(&self.db, updates).await.unwrap();
        let new: Vec<NewVersion> = refs
            .iter()
            .map(|r| {
                let update = known.iter().find(|u| u.update_id == r.update_id).unwrap();
                NewVersion {
                    package_id: r.package_id,
                    location_id: location,
                    state: VersionState::Staging,
                    weak: false,
                    size_bytes: 10,
                    files_digest: update.files_digest,
                    files: update.files.iter().map(new_file).collect(),
                }
            })
            .collect();
        let numbers = packages::new_versions(&mut w, job, &new).await.unwrap();
        w.commit().await.unwrap();
        let mut inode = 1000 * u64::from(job.0.as_bytes()[15]) + 1_000_000 * u64::from(job.0.as_bytes()[14]);
        let mut staged = Vec::new();
        for ((new, version), (_, outcome)) in new.iter().zip(numbers).zip(locks) {
            let LockOutcome::Held { token } = outcome else { panic!("not locked: {outcome:?}") };
            let files = new.files.iter().map(|f| {
                inode += 1;
                staged_file(&f.name, inode)
            });
            let files = files.collect();
            staged.push(StagedVersion {
                package_id: new.package_id,
                version,
                token,
                weak: false,
                files,
                replaces: None,
            });
        }
        staged
    }

    /// Stages updates from nothing to current.
    pub async fn stage(&self, location: LocationId, updates: &[UpdateId]) -> Vec<StagedVersion> {
        let job = JobId::new();
        let staged = self.begin_stage(job, location, updates).await;
        let mut w = self.write(20).await;
        let done = packages::commit_staged(&mut w, job, at(100_000), &staged).await.unwrap();
        assert_eq!(done.versions.len(), updates.len());
        packages::unlock(&mut w, job, None).await.unwrap();
        w.commit().await.unwrap();
        staged
    }
}

pub fn sha(text: &str) -> Sha256 {
    let mut bytes = [0u8; 32];
    for (at, byte) in text.bytes().enumerate() {
        bytes[at % 32] = bytes[at % 32].wrapping_mul(31).wrapping_add(byte);
    }
    Sha256(bytes)
}

pub fn stamp(inode: u64) -> ProofStamp {
    // Device numbers use all 64 bits on some systems.
    ProofStamp { dev: u64::MAX - 1, inode, size_bytes: 10, mtime_ns: 5, ctime_ns: 6 }
}

pub fn staged_file(name: &FileName, inode: u64) -> StagedFile {
    StagedFile {
        name: name.clone(),
        size_bytes: 10,
        sha256: sha(name.as_str()),
        stamp: stamp(inode),
        verified_at: at(15),
    }
}

pub fn new_file(file: &PayloadFile) -> NewFile {
    NewFile {
        name: file.name.clone(),
        size_bytes: file.size_bytes,
        sha256: Some(sha(file.name.as_str())),
        vendor_digest: file.digest,
        url: file.url.clone(),
    }
}

pub fn bulletin(n: usize) -> NewBulletin {
    NewBulletin {
        name: format!("B{n:04}"),
        title: format!("Security update number {n}"),
        description: "Mends what was broken".into(),
        vendor: if n.is_multiple_of(2) { "HP".into() } else { "Dell".into() },
        severity: Severity::ALL[n % 5],
        released_at: if n.is_multiple_of(3) { None } else { Some(at(i64::try_from(n).unwrap() * 10)) },
        revised_at: at(i64::try_from(n / 2).unwrap() * 100),
        cves: vec![format!("CVE-2026-{n:04}")],
        kbs: vec![format!("{}", 500_000 + n)],
        superseded_by: None,
        withdrawn: false,
        listed: true,
        digest: sha(&format!("b{n}")),
    }
}

pub fn update(n: usize, revision: &str) -> NewUpdate {
    let name = FileName::new(format!("f{n}-{revision}.exe")).unwrap();
    let files = vec![PayloadFile {
        digest: VendorDigest::Sha256(sha(name.as_str())),
        name,
        size_bytes: 10,
        url: Some(format!("http://vendor/{n}")),
        languages: Vec::new(),
    }];
    NewUpdate {
        key: format!("u{n:04}"),
        bulletin: format!("B{n:04}"),
        revised_at: at(0),
        title: format!("Update {n} revision {revision}"),
        vendor: "HP".into(),
        classification: "Drivers".into(),
        architecture: "x64".into(),
        version: revision.into(),
        severity: Severity::Critical,
        update_type: "software".into(),
        withdrawn: false,
        superseded_by: None,
        size_bytes: 10,
        files_digest: sha(&format!("files {n} {revision}")),
        item: format!("{{\"key\":\"u{n:04}\",\"revision\":\"{revision}\"}}"),
        digest: sha(&format!("item {n} {revision}")),
        files,
    }
}
