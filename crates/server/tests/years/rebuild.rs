//! C-12, C-13: a lost database is made again from the manifests on disk.

mod over;
mod replaced;
mod unproved;

use std::path::{Path, PathBuf};

use patchwharf_model::{
    api::{AuditEntry, BulletinDetail, Feed, JobDetail, PackageDetail, PackageSummary, Page, PolicyDetail},
    job::JobState,
};
use patchwharf_testkit::{
    Server,
    server::{Setup, TEST_CONFIG},
};
use serde_json::json;

use crate::stock::{BINARY, Stock};

/// A server with so many bulletins staged; then it is stopped, and its database is gone.
struct Lost {
    stock: Stock,
    packages: PathBuf,
    /// Addresses of all files.
    addresses: Vec<String>,
}

impl Lost {
    async fn new(setup: Setup, bulletins: usize) -> Self {
        let stock = Stock::new(setup, bulletins, 70_000).await;
        stock.stage(0..bulletins).await;
        Self::of(stock, bulletins).await
    }

    /// So many bulletins are staged already.
    async fn of(mut stock: Stock, bulletins: usize) -> Self {
        let mut addresses = Vec::new();
        for n in 0..bulletins {
            let bulletin: BulletinDetail = stock.server.api().get(&format!("/api/v1/bulletins/B-{n}")).await;
            let package = bulletin.software_updates[0].package.expect("a package");
            addresses.push(format!("/packages/{package}/1/{}", stock.files[n].name));
        }
        let packages = stock.server.packages().canonicalize().unwrap();
        assert_eq!(stock.server.terminate(), Some(0));
        for name in ["patchwharf.db", "patchwharf.db-wal", "patchwharf.db-shm"] {
            let _ = std::fs::remove_file(stock.server.data().join(name));
        }
        Self { stock, packages, addresses }
    }

    /// The folder of a file.
    fn on_disk(&self, at: usize) -> PathBuf {
        self.packages.join(self.addresses[at].strip_prefix("/packages/").unwrap())
    }

    /// Adds the feed again, under the name that it had, and imports it.
    async fn import_again(&self, server: &Server) -> JobDetail {
        let source = json!({ "kind": "sdp", "url": self.stock.vendor.url("/catalogue.xml") });
        let feed: Feed = server.api().post("/api/v1/feeds", &json!({ "name": "vendor", "source": source })).await;
        let import = server.api().run_job(&format!("/api/v1/feeds/{}/import", feed.id), &json!({})).await;
        assert_eq!(import.job.state, JobState::Done, "{import:#?}");
        import
    }

    async fn assert_served(&self, server: &Server, which: &[usize]) {
        for at in which {
            let answer = server.api().fetch(&self.addresses[*at]).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.body == self.stock.files[*at].bytes, "{}", self.addresses[*at]);
        }
    }
}

/// Names and bytes of everything in a location but for what servers keep for themselves.
fn contents(packages: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(packages).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true if name.starts_with('.') => {}
            true => found.extend(contents(&entry.path())),
            false if name == "location.json" => {}
            false => found.push((entry.path(), std::fs::read(entry.path()).unwrap())),
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn c_12_a_lost_database_is_made_again_and_what_is_unproved_waits_for_its_feed() {
    let mut lost = Lost::new(Server::setup(BINARY), 6).await;
    // One file has rotted, one manifest is not what was signed, one folder has another's name.
    std::fs::write(lost.on_disk(5), vec![7; 70_005]).unwrap();
    let manifest = lost.on_disk(4).with_file_name("package.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("vendor", "wendor", 1)).unwrap();
    let copy = lost.packages.join(uuid_like(lost.on_disk(0).ancestors().nth(2).unwrap()));
    copy_tree(lost.on_disk(0).ancestors().nth(2).unwrap(), &copy);

    lost.stock.server.spawn();
    assert!(!lost.stock.server.comes_up().await, "an empty database and a full store do not fit");
    let said = lost.stock.server.output();
    assert!(said.contains("store rebuild --take-over") && said.contains("location adopt"), "{said}");

    let before = contents(&lost.packages);
    let run = |arguments: &[&str]| lost.stock.server.patchwharf(arguments);
    let dry = run(&["store", "rebuild", "--dry-run"]);
    assert_eq!(dry.code, Some(1), "{dry:?}");
    assert!(dry.stdout.contains("4 packages") && dry.stdout.contains("nothing was changed"), "{dry:?}");
    let made = run(&["store", "rebuild"]);
    assert_eq!(made.code, Some(1), "what was not taken is named: {made:?}");
    for told in ["the rows of 4 packages", "4 packages unproved", "feed \"vendor\"", "expected SHA-256", "signature"] {
        assert!(made.stdout.contains(told), "{told}: {made:?}");
    }
    assert_eq!(made.stdout.matches("NOT TAKEN").count(), 3, "{made:?}");
    assert!(made.stdout.contains("the folder was renamed or copied"), "{made:?}");
    let again = run(&["store", "rebuild"]);
    assert!(again.stdout.contains("the rows of 0 packages") && again.stdout.contains("4 versions left"), "{again:?}");
    assert_eq!(contents(&lost.packages), before, "nothing on disk is touched");

    let mut server = lost.stock.server;
    server.restart().await;
    lost.stock.server = server;
    let api = lost.stock.server.api();
    let listed = lost.stock.server.patchwharf(&["package", "list", "--unproved"]).ok();
    assert_eq!(listed.matches("unproved: nobody vouches").count(), 4, "{listed}");
    assert!(lost.stock.server.patchwharf(&["bulletin", "show", "B-0"]).ok().contains("unproved"));
    let bulletin: BulletinDetail = api.get("/api/v1/bulletins/B-0").await;
    assert!(!bulletin.summary.downloaded && bulletin.software_updates[0].unproved, "{bulletin:#?}");
    let refused = api.fetch(&lost.addresses[0]).await;
    assert_eq!((refused.status, refused.problem().code.as_str()), (503, "unproved"));
    let wish = json!({ "name": "all", "of": { "bulletins": ["B-0"] }, "enabled": true });
    let _: serde_json::Value = api.post("/api/v1/policies", &wish).await;
    let policy: PolicyDetail = api.get("/api/v1/policies/all").await;
    assert_eq!(policy.summary.package_missing, 1, "a policy does not hand out what nobody vouches for: {policy:#?}");
    let check = api.run_job("/api/v1/store/integrity-check", &json!({})).await;
    let counts = check.report.unwrap().counts;
    assert_eq!(counts.get("package-unproved"), Some(&4), "{counts:#?}");
    // A new version of the same content is no better than the old one.
    let recreated = api.run_job("/api/v1/bulletins/recreate", &json!({ "bulletins": ["B-1"] })).await;
    assert_eq!(recreated.job.state, JobState::Done, "{recreated:#?}");
    let unproved: Page<PackageSummary> = api.get("/api/v1/packages?unproved=true").await;
    assert_eq!(unproved.items.len(), 4, "{unproved:#?}");
    lost.stock.idle().await;
    lost.stock.server.holds();

    let import = lost.import_again(&lost.stock.server).await;
    assert!(import.report.unwrap().counts["proved"] >= 4);
    lost.assert_served(&lost.stock.server, &[0, 2, 3]).await;
    let policy: PolicyDetail = api.get("/api/v1/policies/all").await;
    assert_eq!(policy.summary.package_missing, 0, "{policy:#?}");
    let bulletin: BulletinDetail = api.get("/api/v1/bulletins/B-0").await;
    assert!(bulletin.summary.downloaded, "{bulletin:#?}");
    assert_eq!(lost.stock.vendor.count("/files/f0.exe"), 1, "nothing is fetched again");
    lost.stock.stage(0..6).await;
    lost.stock.idle().await;
    lost.stock.server.holds();
}

/// A name of the form of a GUID, and another than the folder's.
fn uuid_like(folder: &Path) -> String {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let last = if name.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &name[..name.len() - 1])
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

#[tokio::test]
async fn a_trusted_signature_proves_at_once() {
    let mut lost = Lost::new(Server::setup(BINARY), 3).await;
    let key = lost.stock.server.data().join("manifest.key").display().to_string();
    let made = lost.stock.server.patchwharf(&["store", "rebuild", "--trust", &key, "--json"]).ok();
    let told: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!((told["packages"].as_u64(), told["unproved"].as_u64()), (Some(3), Some(0)), "{made}");
    lost.stock.server.restart().await;
    lost.assert_served(&lost.stock.server, &[0, 1, 2]).await;
    // A server that runs keeps its data folder to itself.
    let busy = lost.stock.server.patchwharf(&["store", "rebuild"]);
    assert!(busy.code == Some(2) && busy.stderr.contains("in use by another server"), "{busy:?}");
    lost.import_again(&lost.stock.server).await;
    lost.stock.stage(0..3).await;
    assert_eq!(lost.stock.vendor.count("/files/f0.exe"), 1);
    lost.stock.idle().await;
    lost.stock.server.holds();
}

#[tokio::test]
async fn trust_may_come_later() {
    let mut lost = Lost::new(Server::setup(BINARY), 3).await;
    let key = lost.stock.server.data().join("manifest.key").display().to_string();
    let run = |lost: &Lost, arguments: &[&str]| lost.stock.server.patchwharf(arguments);
    assert!(run(&lost, &["store", "rebuild"]).ok().contains("3 packages unproved"));
    // A key that has signed none of them proves none.
    let other = run(&lost, &["store", "rebuild", "--trust", &"0".repeat(64), "--json"]).ok();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&other).unwrap()["proved"], 0, "{other}");
    let dry = run(&lost, &["store", "rebuild", "--trust", &key, "--dry-run"]).ok();
    assert!(dry.contains("3 unproved packages would be proved"), "{dry}");
    let proved = run(&lost, &["store", "rebuild", "--trust", &key]).ok();
    assert!(proved.contains("3 unproved packages proved") && proved.contains("the rows of 0 packages"), "{proved}");
    lost.stock.server.restart().await;
    lost.assert_served(&lost.stock.server, &[0, 1, 2]).await;
    lost.stock.server.holds();
}

#[tokio::test]
async fn a_location_of_a_deployment_that_is_gone_is_taken_over() {
    taken_over(Server::setup(BINARY)).await;
}

#[tokio::test]
async fn a_location_is_taken_over_on_postgresql_too() {
    if !Setup::postgres_at_hand() {
        return patchwharf_testkit::skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    taken_over(Server::setup(BINARY).on_postgres()).await;
}

async fn taken_over(setup: Setup) {
    let lost = Lost::new(Server::setup(BINARY), 4).await;
    // Another host: its own keys, an empty database, and the disk with the packages.
    let mut new = setup.config(TEST_CONFIG).packages(&lost.packages).prepare().await;
    let run = |new: &Server, arguments: &[&str]| new.patchwharf(arguments);
    let refused = run(&new, &["store", "rebuild"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for told in ["belongs to deployment", "store rebuild --take-over", "location adopt", "Nothing was changed"] {
        assert!(refused.stderr.contains(told), "{told}: {refused:?}");
    }
    let untrusted = run(&new, &["store", "rebuild", "--take-over", "--dry-run"]);
    assert!(untrusted.code == Some(1) && untrusted.stdout.contains("--trust"), "{untrusted:?}");
    assert_eq!(untrusted.stdout.matches("NOT TAKEN").count(), 4, "{untrusted:?}");
    let old = std::fs::read_to_string(lost.packages.join("location.json")).unwrap();
    let manifest = lost.on_disk(0).with_file_name("package.json").display().to_string();
    let take = ["store", "rebuild", "--take-over", "--trust", &manifest];
    let made = run(&new, &take);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("taken over") && made.stdout.contains("the rows of 4 packages"), "{made:?}");
    let marker = std::fs::read_to_string(lost.packages.join("location.json")).unwrap();
    assert_ne!(marker, old);
    let kept: Vec<_> = std::fs::read_dir(&lost.packages)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().starts_with("location.json.of-"))
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read_to_string(kept[0].path()).unwrap(), old, "the old marker is kept");

    new.restart().await;
    lost.assert_served(&new, &[0, 1, 2, 3]).await;
    if new.database_url().starts_with("postgres") {
        let beside = Server::setup(BINARY).env("PATCHWHARF_DATABASE", &new.database_url()).prepare().await;
        let busy = run(&beside, &["store", "rebuild", "--location", &lost.packages.display().to_string()]);
        assert!(busy.code == Some(2) && busy.stderr.contains("another server uses this database"), "{busy:?}");
    }
    let check = new.api().run_job("/api/v1/store/integrity-check", &json!({})).await;
    assert_eq!(check.job.state, JobState::Done, "its manifests are believed: {check:#?}");
    let audit: Page<AuditEntry> = new.api().get("/api/v1/audit?limit=200").await;
    for action in ["manifest.trust", "package.rebuild", "location.create", "feed.lost"] {
        assert!(audit.items.iter().any(|entry| entry.action == action), "{action}: {audit:#?}");
    }
    lost.import_again(&new).await;
    let package: PackageDetail = new.api().get(&format!("/api/v1/packages/{}", id(&lost.addresses[0]))).await;
    assert!(!package.summary.unproved && package.summary.active, "{package:#?}");
    new.holds();
    // What they were is refused to the server that they belonged to: there is one owner.
    let mut old_server = lost.stock.server;
    old_server.spawn();
    assert!(!old_server.comes_up().await);
}

fn id(address: &str) -> &str {
    address.split('/').nth(2).unwrap()
}

#[tokio::test]
async fn what_cannot_be_a_location_is_refused_with_the_reason() {
    let lost = Lost::new(Server::setup(BINARY), 1).await;
    let server = &lost.stock.server;
    let home = tempfile::tempdir().unwrap();
    let home = home.path().canonicalize().unwrap();
    std::fs::create_dir(home.join("empty")).unwrap();
    std::fs::create_dir(home.join("newer")).unwrap();
    let newer =
        std::fs::read_to_string(lost.packages.join("location.json")).unwrap().replace("\"format\": 1", "\"format\": 9");
    std::fs::write(home.join("newer/location.json"), newer).unwrap();
    for (path, why) in [
        (home.join("nothing"), "is not there"),
        (home.join("empty"), "no location.json and no package"),
        (home.join("newer"), "use a newer patchwharf"),
        (PathBuf::from("/"), "root of the file system"),
    ] {
        let path = path.display().to_string();
        let refused = server.patchwharf(&["store", "rebuild", "--take-over", "--location", &path]);
        assert!(refused.code == Some(2) && refused.stderr.contains(why), "{path}: {refused:?}");
    }
    // A marker that cannot be read: its packages are taken, and it gets a new one.
    std::fs::write(lost.packages.join("location.json"), "{").unwrap();
    let torn = server.patchwharf(&["store", "rebuild"]);
    assert!(torn.code == Some(2) && torn.stderr.contains("store rebuild"), "{torn:?}");
    let made = server.patchwharf(&["store", "rebuild", "--take-over"]);
    assert!(made.code == Some(0) && made.stdout.contains("the rows of 1 package"), "{made:?}");
}
