//! apt archives, signed on the spot.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use patchwharf_testkit::apt::{Advisory, Compression, Deb, Key, KeyKind, Repository, dsa_list};
use serde_json::{Value, json};

use crate::rig::Rig;

fn archive(version: &str) -> Repository {
    Repository::new([
        Deb::new("libexample1", version, "amd64").source("example"),
        Deb::new("example", version, "amd64"),
        Deb::new("tool", "2.0-1", "all"),
    ])
    .fresh(Timestamp::now())
}

async fn rig(key: &Key, advisories: Option<&str>) -> Rig {
    let rig = Rig::start().await;
    let mut source = json!({
        "kind": "apt", "url": rig.vendor.url("/debian"), "suite": "bookworm-security", "components": ["main"],
        "architectures": ["amd64"], "keyring": STANDARD.encode(key.keyring()),
    });
    if let Some(path) = advisories {
        source["advisories"] = rig.vendor.url(path).into();
    }
    rig.add(&json!({ "name": "acme", "source": source })).await;
    rig
}

#[tokio::test]
async fn a_signed_archive_becomes_bulletins_by_source_and_version() {
    let key = Key::generate(KeyKind::Ed25519);
    let rig = rig(&key, None).await;
    archive("1.0-1").publish(&rig.vendor, "/debian", &key);
    assert_eq!(rig.import().await.all(), [3, 0, 0, 0, 0, 0]);
    assert_eq!(rig.names("sort=name").await, ["example_1.0-1", "tool_2.0-1"]);
    let bulletin = rig.bulletin("example_1.0-1").await;
    assert_eq!((&bulletin["updates"], &bulletin["severity"]), (&json!(2), &json!("not-rated")));
    assert!(rig.import().await.text().contains("has not changed"));

    archive("1.0-2").publish(&rig.vendor, "/debian", &key);
    let counts = rig.import().await;
    assert_eq!((counts.get("revised"), counts.get("unchanged")), (2, 1), "{}", counts.text());
    assert_eq!(rig.bulletin("example_1.0-2").await["updates"], 2);
    assert_eq!(rig.bulletin("example_1.0-1").await["listed"], false);
}

#[tokio::test]
async fn advisories_name_and_date_bulletins() {
    let key = Key::generate(KeyKind::Ed25519);
    let rig = rig(&key, Some("/dsa.txt")).await;
    let mut repository = archive("1.0-2");
    repository.codename = "bookworm-security".into();
    repository.publish(&rig.vendor, "/debian", &key);
    let list = [
        Advisory::new("DSA-5999-1", "2026-11-12", "example", "1.0-2", &["CVE-2026-0042"]),
        Advisory::new("DSA-5998-1", "2026-11-02", "example", "1.0-1", &["CVE-2026-0041"]),
    ];
    rig.vendor.publish("/dsa.txt", dsa_list(&list).into_bytes());
    assert_eq!(rig.import().await.get("added"), 3);
    let bulletin = rig.bulletin("DSA-5999-1").await;
    assert_eq!((&bulletin["updates"], &bulletin["cves"]), (&json!(2), &json!(["CVE-2026-0042"])));
    assert_eq!(rig.bulletin("DSA-5998-1").await["superseded_by"], "DSA-5999-1", "its version has left the archive");

    rig.vendor.publish("/dsa.txt", dsa_list(&list[..1]).into_bytes());
    let again = rig.import().await;
    assert_eq!((again.get("unchanged"), again.get("added")), (3, 0), "only the advisories changed");
}

#[tokio::test]
async fn release_with_its_signature_beside_it_and_every_compression_will_do() {
    let key = Key::generate(KeyKind::Rsa);
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd, Compression::Plain] {
        let rig = rig(&key, None).await;
        let mut repository = archive("1.0-1");
        repository.by_hash = false;
        repository.compressions = vec![compression];
        repository.publish(&rig.vendor, "/debian", &key);
        rig.vendor.unpublish("/debian/dists/bookworm-security/InRelease");
        assert_eq!(rig.import().await.get("added"), 3, "{compression:?}");
    }
}

#[tokio::test]
async fn what_is_wrongly_signed_expired_old_or_changed_is_refused() {
    let (key, other) = (Key::generate(KeyKind::Ed25519), Key::generate(KeyKind::Ed25519));
    let rig = rig(&key, None).await;
    let good = archive("1.0-1");
    good.publish(&rig.vendor, "/debian", &key);
    rig.import().await;

    archive("1.0-2").publish(&rig.vendor, "/debian", &other);
    assert!(rig.refused().await.contains("signature"));

    let mut stale = archive("1.0-2");
    stale.valid_until = Some(Timestamp::now() - jiff::SignedDuration::from_hours(1));
    stale.publish(&rig.vendor, "/debian", &key);
    assert!(rig.refused().await.contains("valid until"));

    let mut old = archive("1.0-2");
    old.date = good.date - jiff::SignedDuration::from_hours(48);
    old.publish(&rig.vendor, "/debian", &key);
    assert!(rig.refused().await.contains("older than"));

    let mut future = archive("1.0-2");
    future.date = Timestamp::now() + jiff::SignedDuration::from_hours(48);
    future.publish(&rig.vendor, "/debian", &key);
    assert!(rig.refused().await.contains("in the future"));

    let mut repository = archive("1.0-3");
    repository.compressions = vec![Compression::Plain];
    repository.by_hash = false;
    repository.publish(&rig.vendor, "/debian", &key);
    let path = "/debian/dists/bookworm-security/main/binary-amd64/Packages";
    rig.vendor.publish(path, repository.packages("amd64").replace("1.0-3", "6.6-6").into_bytes());
    let text = rig.refused().await;
    assert!(text.contains("SHA-256") || text.contains("longer"), "{text}");

    repository.publish(&rig.vendor, "/debian", &key);
    assert_eq!(rig.import().await.get("revised"), 2, "and then it goes on");
}

#[tokio::test]
async fn of_a_keyring_only_the_named_key_counts() {
    let (key, named) = (Key::generate(KeyKind::Ed25519), Key::generate(KeyKind::Ed25519));
    let rig = rig(&key, None).await;
    archive("1.0-1").publish(&rig.vendor, "/debian", &key);
    let feed: Value = rig.server.api().get("/api/v1/feeds/acme").await;
    let mut source = feed["source"].clone();
    let keyring = [key.keyring(), named.keyring()].concat();
    source["keyring"] = STANDARD.encode(keyring).into();
    source["keys"] = json!([named.fingerprint()]);
    rig.set(&json!({ "source": source })).await;
    let refused = rig.refused().await;
    assert!(refused.contains("none of which") && refused.contains("feed set FEED --keyring"), "{refused}");

    let file = rig.server.data().join("new.gpg");
    std::fs::write(&file, key.keyring()).unwrap();
    let (file, fingerprint) = (file.to_str().unwrap(), key.fingerprint());
    drop(rig.server.patchwharf(&["feed", "set", "acme", "--keyring", file, "--key", &fingerprint]).ok());
    assert_eq!(rig.import().await.get("added"), 3, "with the right key it goes on");
}

#[tokio::test]
async fn an_archive_in_a_folder_is_staged_from_there_by_the_same_digests() {
    let key = Key::generate(KeyKind::Ed25519);
    let rig = Rig::start().await;
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in archive("1.0-1").files(&key) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let source = json!({
        "kind": "apt", "url": folder.path(), "suite": "bookworm-security", "components": ["main"],
        "architectures": ["amd64"], "keyring": STANDARD.encode(key.keyring()),
    });
    rig.add(&json!({ "name": "acme", "source": source })).await;
    assert_eq!(rig.import().await.get("added"), 3);

    let stage = async |name: &str| {
        let job = rig.server.api().run_job("/api/v1/bulletins/stage", &json!({ "bulletins": [name] })).await;
        (job.job.state.to_string(), format!("{:?}", job.report))
    };
    let tool = walk(folder.path()).into_iter().find(|path| path.to_string_lossy().contains("tool_")).unwrap();
    let bytes = std::fs::read(&tool).unwrap();
    std::fs::write(&tool, vec![0; bytes.len()]).unwrap();
    let (state, report) = stage("tool_2.0-1").await;
    assert!(state == "failed" && report.contains("expected") && report.contains("vendor-changed"), "{report}");
    std::fs::remove_file(&tool).unwrap();
    let (state, report) = stage("tool_2.0-1").await;
    assert!(state == "failed" && report.contains(tool.to_str().unwrap()), "{report}");
    std::fs::write(&tool, bytes).unwrap();
    for name in ["tool_2.0-1", "example_1.0-1"] {
        let (state, report) = stage(name).await;
        assert_eq!(state, "done", "{report}");
    }
    assert_eq!(rig.names("state=downloaded&sort=name").await, ["example_1.0-1", "tool_2.0-1"]);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
