//! An administrator who never rests: stages, refreshes, recreates, deletes, disables, moves packages to and fro, prunes,
//! damages; and writes down what was acknowledged.

use std::{
    collections::BTreeMap,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use patchwharf_model::{
    JobId, LocationId, PackageId, UpdateId,
    api::{
        BulletinChange, BulletinDetail, Job, JobDetail, Location, PackageDetail, PackageSummary, Page, PrunePreview,
        UpdateDetailView,
    },
    job::JobState,
    package::VersionState,
    update::PayloadFile,
};
use patchwharf_testkit::{Chance, server::Client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::ledger::Ledger;

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    Stage,
    QuickRefresh,
    DamageAndRefresh,
    CompleteRefresh,
    Recreate,
    Delete,
    DeleteUnused,
    Verify,
    Check,
    DamageAndCheck,
    Switch,
    RelocateThere,
    RelocateBack,
    LinkThere,
    Undo,
    PruneHere,
    PruneThere,
    Adopt,
    Supply,
}

pub(crate) const ACTS: [Act; 18] = [
    Act::Stage,
    Act::QuickRefresh,
    Act::DamageAndRefresh,
    Act::CompleteRefresh,
    Act::Recreate,
    Act::Delete,
    Act::Verify,
    Act::Check,
    Act::DamageAndCheck,
    Act::Switch,
    Act::RelocateThere,
    Act::RelocateBack,
    Act::LinkThere,
    Act::Undo,
    Act::PruneHere,
    Act::PruneThere,
    Act::Adopt,
    Act::Supply,
];

/// The server went away.
#[derive(Debug)]
pub(crate) struct Gone;

type Answered<T> = Result<T, Gone>;

/// Jobs whose end is not known, over all crashes: what each was asked to do.
pub(crate) type Open = Arc<Mutex<BTreeMap<JobId, (Act, Vec<PackageId>, String)>>>;

/// The administrator.
#[derive(Clone)]
pub(crate) struct Driver {
    pub(crate) client: Client,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) bulletins: Vec<String>,
    /// The roots of the package locations: the first one, and the one that packages are moved to and from.
    pub(crate) places: [PathBuf; 2],
    /// A folder that is not the server's: for each bulletin one with its files, but for the one that all bulletins share.
    pub(crate) foreign: PathBuf,
    pub(crate) open: Open,
    pub(crate) done: Arc<Mutex<BTreeMap<Act, usize>>>,
    /// The server's disk is made to fail: an error of its own is then an answer like another.
    pub(crate) errors_expected: bool,
    /// So many jobs are under way at most.
    pub(crate) most_open: usize,
}

impl Driver {
    /// Acts until the server is gone.
    pub(crate) async fn work(self, mut chance: Chance) {
        while self.step(&mut chance).await.is_ok() {}
    }

    /// Acts so many times at a server that stays.
    pub(crate) async fn work_for(self, steps: usize, mut chance: Chance) {
        for _ in 0..steps {
            self.step(&mut chance).await.expect("the server runs");
        }
    }

    async fn step(&self, chance: &mut Chance) -> Answered<()> {
        self.settle().await?;
        if self.open.lock().unwrap().len() < self.most_open {
            let act = *chance.pick(&ACTS);
            let bulletin = chance.pick(&self.bulletins).clone();
            self.act(act, &bulletin, chance).await?;
        } else {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Waits until no job is open.
    pub(crate) async fn wait_idle(&self) -> Answered<()> {
        let end = std::time::Instant::now() + patchwharf_testkit::server::DEADLINE;
        loop {
            self.settle().await?;
            let query = "/api/v1/jobs?state=queued,running,paused&limit=100";
            let unfinished: Page<Job> = self.get(query).await?;
            if self.open.lock().unwrap().is_empty() && unfinished.items.is_empty() {
                return Ok(());
            }
            assert!(std::time::Instant::now() < end, "jobs do not end: {:#?}", unfinished.items);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asks for one thing; its job is noted as open.
    pub(crate) async fn act(&self, act: Act, bulletin: &str, chance: &mut Chance) -> Answered<()> {
        let of = json!({"bulletins": [bulletin]});
        let (path, body) = match act {
            Act::Stage => ("/api/v1/bulletins/stage", of),
            Act::QuickRefresh => ("/api/v1/bulletins/refresh", json!({"of": of})),
            Act::DamageAndRefresh => {
                self.damage(bulletin, chance).await?;
                ("/api/v1/bulletins/refresh", json!({"of": of}))
            }
            Act::CompleteRefresh => ("/api/v1/bulletins/refresh", json!({"of": of, "complete": true})),
            Act::Recreate => ("/api/v1/bulletins/recreate", of),
            Act::Verify => ("/api/v1/packages/verify", json!({"bulletins": [bulletin]})),
            Act::Check => ("/api/v1/store/integrity-check", json!({"light": chance.once_in(2), "repair": true})),
            Act::DamageAndCheck => {
                self.damage(bulletin, chance).await?;
                ("/api/v1/store/integrity-check", json!({"of": of, "repair": true}))
            }
            Act::RelocateThere => return self.relocate(act, bulletin, 0, 1).await,
            Act::RelocateBack => return self.relocate(act, bulletin, 1, 0).await,
            Act::LinkThere => return self.relocate(act, bulletin, 0, 1).await,
            Act::Undo => return self.undo(bulletin).await,
            Act::PruneHere => return self.prune(act, bulletin, 0).await,
            Act::PruneThere => return self.prune(act, bulletin, 1).await,
            Act::Adopt => ("/api/v1/locations/adopt", json!({"path": self.foreign.join(bulletin)})),
            Act::Supply => return self.supply(bulletin, chance).await,
            Act::Delete => return self.delete(bulletin).await,
            Act::DeleteUnused => return self.delete_unused(bulletin).await,
            Act::Switch => return self.switch(bulletin, chance.once_in(2)).await,
        };
        self.start(act, Vec::new(), bulletin, path, &body).await
    }

    async fn start(
        &self,
        act: Act,
        packages: Vec<PackageId>,
        bulletin: &str,
        path: &str,
        body: &Value,
    ) -> Answered<()> {
        let request = self.client.request(Method::POST, path).header("content-type", "application/json");
        self.start_by(act, packages, bulletin, path, request.body(body.to_string())).await
    }

    async fn start_by(
        &self,
        act: Act,
        packages: Vec<PackageId>,
        bulletin: &str,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Answered<()> {
        let answer = self.client.send(request).await.map_err(|_| Gone)?;
        if answer.status == 202 {
            let job: Job = answer.ok();
            self.ledger.job(job.id);
            self.open.lock().unwrap().insert(job.id, (act, packages, bulletin.to_owned()));
        } else if self.errors_expected && answer.status >= 500 {
            return Err(Gone);
        } else {
            assert!(matches!(answer.status, 404 | 409 | 413 | 422), "{path}: {} {}", answer.status, answer.text());
        }
        Ok(())
    }

    /// The ids of the two places.
    pub(crate) async fn places(&self) -> Answered<[LocationId; 2]> {
        let all: Vec<Location> = self.get("/api/v1/locations").await?;
        let id = |root: &PathBuf| all.iter().find(|one| Path::new(&one.path) == root).map(|one| one.id);
        Ok([&self.places[0], &self.places[1]].map(|root| id(root).expect("the server knows both locations")))
    }

    async fn relocate(&self, act: Act, bulletin: &str, from: usize, to: usize) -> Answered<()> {
        let places = self.places().await?;
        let body = json!({
            "from": places[from], "to": places[to], "of": {"bulletins": [bulletin]}, "link": act == Act::LinkThere,
        });
        self.start(act, Vec::new(), bulletin, "/api/v1/locations/relocate", &body).await
    }

    async fn undo(&self, bulletin: &str) -> Answered<()> {
        let [here, there] = self.places().await?;
        let path = format!("/api/v1/locations/{there}/undo");
        self.start(Act::Undo, Vec::new(), bulletin, &path, &json!({"to": here})).await
    }

    async fn prune(&self, act: Act, bulletin: &str, at: usize) -> Answered<()> {
        let path = format!("/api/v1/locations/{}/prune", self.places().await?[at]);
        let preview: PrunePreview = self.ask(Method::POST, &format!("{path}/preview"), Some(&json!({}))).await?;
        let body = json!({"confirm": preview.confirm});
        self.start(act, Vec::new(), bulletin, &path, &body).await
    }

    async fn delete(&self, bulletin: &str) -> Answered<()> {
        let all = self.packages_of(bulletin).await?;
        let Some(package) = all.iter().find(|package| package.active) else { return Ok(()) };
        self.ledger.asked_to_delete(package.update, package.id);
        let body = json!({"of": {"packages": [package.id]}, "although_needed": true});
        self.start(Act::Delete, vec![package.id], bulletin, "/api/v1/packages/delete", &body).await
    }

    /// Everything that is staged, for there is no policy: nothing else may be under way.
    async fn delete_unused(&self, bulletin: &str) -> Answered<()> {
        let all: Page<PackageSummary> = self.get("/api/v1/packages?limit=1000").await?;
        let unused: Vec<PackageSummary> = all.items.into_iter().filter(|package| package.active).collect();
        unused.iter().for_each(|package| self.ledger.asked_to_delete(package.update, package.id));
        let ids = unused.into_iter().map(|package| package.id).collect();
        let body = json!({"without_policy_after": "0s"});
        self.start(Act::DeleteUnused, ids, bulletin, "/api/v1/store/delete-unused", &body).await
    }

    /// Sends a file of one of the bulletin's updates, as one who fetched it by hand.
    async fn supply(&self, bulletin: &str, chance: &mut Chance) -> Answered<()> {
        let detail: BulletinDetail = self.get(&format!("/api/v1/bulletins/{bulletin}")).await?;
        let update: UpdateDetailView =
            self.get(&format!("/api/v1/updates/{}", chance.pick(&detail.software_updates).id)).await?;
        let found =
            |file: &PayloadFile| std::fs::read(self.foreign.join(bulletin).join(format!("{}.old", file.name))).ok();
        let given: Vec<Vec<u8>> = update.payload.iter().filter_map(found).collect();
        if given.is_empty() {
            return Ok(());
        }
        let bytes = chance.pick(&given).clone();
        let path = format!("/api/v1/updates/{}/supply", update.summary.id);
        let request = self.client.request(Method::POST, &path).header("content-type", "application/octet-stream");
        self.start_by(Act::Supply, Vec::new(), bulletin, &path, request.body(bytes)).await
    }

    async fn switch(&self, bulletin: &str, enable: bool) -> Answered<()> {
        let detail: BulletinDetail = self.get(&format!("/api/v1/bulletins/{bulletin}")).await?;
        let id = detail.summary.id;
        let _turn = self.ledger.switching.lock().await;
        self.ledger.asked_to_switch(id);
        let path = if enable { "/api/v1/bulletins/enable" } else { "/api/v1/bulletins/disable" };
        let body = json!({"bulletins": [bulletin]});
        let answer = self.client.try_call(Method::POST, path, Some(&body)).await.map_err(|_| Gone)?;
        let _: BulletinChange = answer.ok();
        self.ledger.switched(id, enable);
        *self.done.lock().unwrap().entry(Act::Switch).or_default() += 1;
        Ok(())
    }

    /// Flips a byte of one current file, and writes down every name under which these bytes are known.
    async fn damage(&self, bulletin: &str, chance: &mut Chance) -> Answered<()> {
        let staged: Vec<PackageSummary> =
            self.packages_of(bulletin).await?.into_iter().filter(|p| p.state == Some(VersionState::Staged)).collect();
        if staged.is_empty() {
            return Ok(());
        }
        let package = chance.pick(&staged);
        let detail: PackageDetail = self.get(&format!("/api/v1/packages/{}", package.id)).await?;
        let Some(version) = detail.versions.iter().find(|v| Some(v.version) == package.version) else { return Ok(()) };
        let Ok(entries) = std::fs::read_dir(&version.path) else { return Ok(()) };
        let mut files: Vec<PathBuf> =
            entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e != "json")).collect();
        files.sort();
        if !files.is_empty() {
            let file: &PathBuf = chance.pick(&files);
            let all: Page<PackageSummary> = self.get("/api/v1/packages?limit=1000").await?;
            let updates = all.items.into_iter().map(|p| (p.id.to_string(), p.update)).collect();
            flip(&self.places, file, &self.ledger, &updates);
        }
        Ok(())
    }

    /// Looks at every open job; writes down the ends.
    async fn settle(&self) -> Answered<()> {
        let jobs: Vec<JobId> = self.open.lock().unwrap().keys().copied().collect();
        for id in jobs {
            let job: JobDetail = self.get(&format!("/api/v1/jobs/{id}")).await?;
            if !job.job.state.is_final() {
                continue;
            }
            self.ledger.job_ended(id, job.job.state);
            let Some((act, packages, bulletin)) = self.open.lock().unwrap().remove(&id) else { continue };
            if matches!(act, Act::Delete | Act::DeleteUnused) && job.job.state == JobState::Done {
                packages.iter().for_each(|id| self.ledger.deleted(*id));
            }
            for package in self.packages_of(&bulletin).await? {
                if package.active
                    && package.state == Some(VersionState::Staged)
                    && let Some(version) = package.version
                {
                    self.ledger.staged(package.update, package.id, version, &self.places);
                }
            }
            *self.done.lock().unwrap().entry(act).or_default() += 1;
        }
        Ok(())
    }

    pub(crate) async fn packages_of(&self, bulletin: &str) -> Answered<Vec<PackageSummary>> {
        let page: Page<PackageSummary> = self.get(&format!("/api/v1/packages?limit=1000&bulletin={bulletin}")).await?;
        Ok(page.items)
    }

    /// Every active package that says it is staged is fetched by its URL and is what the catalogue says.
    pub(crate) async fn fetch_all(&self) -> Answered<usize> {
        let page: Page<PackageSummary> = self.get("/api/v1/packages?limit=1000&state=staged").await?;
        let mut fetched = 0;
        for package in page.items.into_iter().filter(|p| p.active) {
            let detail: PackageDetail = self.get(&format!("/api/v1/packages/{}", package.id)).await?;
            let Some(version) = detail.versions.iter().find(|v| Some(v.version) == package.version) else { continue };
            for file in &version.files {
                let path = format!("/packages/{}/{}/{}", package.id, version.version, file.name);
                let answer = self.client.try_call(Method::GET, &path, None).await.map_err(|_| Gone)?;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                assert_eq!(Some(patchwharf_testkit::payload::sha256(&answer.body)), file.sha256, "{path}");
                fetched += 1;
            }
        }
        Ok(fetched)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Answered<T> {
        self.ask(Method::GET, path, None).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answered<T> {
        let answer = self.client.try_call(method, path, body).await.map_err(|_| Gone)?;
        if self.errors_expected && answer.status >= 500 {
            return Err(Gone);
        }
        Ok(answer.ok())
    }
}

/// Changes one byte of a file in place, and notes all names of its inode as damaged.
pub(crate) fn flip(places: &[PathBuf; 2], file: &Path, ledger: &Ledger, updates: &BTreeMap<String, UpdateId>) {
    let Ok(meta) = std::fs::metadata(file) else { return };
    ledger.damage_inode(meta.dev(), meta.ino());
    let packages = places.iter().flat_map(std::fs::read_dir);
    for package in packages.flatten().flatten() {
        for version in std::fs::read_dir(package.path()).into_iter().flatten().flatten() {
            for other in std::fs::read_dir(version.path()).into_iter().flatten().flatten() {
                if other.metadata().is_ok_and(|m| (m.dev(), m.ino()) == (meta.dev(), meta.ino())) {
                    let text = |name: std::ffi::OsString| name.to_string_lossy().into_owned();
                    let id = text(package.file_name());
                    ledger.damage(updates.get(&id).copied(), &id, &text(version.file_name()), &text(other.file_name()));
                }
            }
        }
    }
    let Ok(handle) = std::fs::OpenOptions::new().read(true).write(true).open(file) else { return };
    let mut byte = [0];
    if handle.read_exact_at(&mut byte, 100).is_ok() {
        let _ = handle.write_all_at(&[byte[0] ^ 1], 100);
        // Else a power cut could take the new time stamps back and leave the new bytes.
        let _ = handle.sync_all();
    }
}
