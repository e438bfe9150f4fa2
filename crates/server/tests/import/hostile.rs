//! Catalogues that attack whoever reads them, through the whole server: rows S-24, V-07, V-12, V-13.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use patchwharf_testkit::{
    apt::{Compression, Deb, Key, KeyKind, Repository},
    cab::{Method, cabinet},
    sdp::{Catalogue, Update, update_number},
};
use serde_json::json;

use crate::rig::{CATALOGUE, Rig};

#[tokio::test]
async fn v_12_entities_are_refused_and_nothing_outside_is_asked() {
    let rig = Rig::sdp().await;
    rig.publish(&Catalogue::new([Update::new(1, "AC26-001")]));
    rig.import().await;
    rig.vendor.publish("/canary", b"<x/>".to_vec());
    let canary = rig.vendor.url("/canary");
    let xml = String::from_utf8(Catalogue::new([Update::new(2, "AC26-002")]).v1_xml()).unwrap();
    let body = xml.split_once("?>").unwrap().1;
    for declaration in [
        format!("<!DOCTYPE c SYSTEM \"{canary}\">"),
        format!("<!DOCTYPE c [<!ENTITY x SYSTEM \"{canary}\">]>"),
        format!("<!DOCTYPE c [<!ENTITY % x SYSTEM \"{canary}\"> %x;]>"),
        "<!DOCTYPE c [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>".to_owned(),
        "<!DOCTYPE c [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>".to_owned(),
    ] {
        rig.vendor.publish(CATALOGUE, format!("{declaration}{body}").into_bytes());
        assert!(rig.refused().await.contains("document type declaration"), "{declaration}");
    }
    let (root, rest) = body.split_once(">\n").unwrap();
    rig.vendor.publish(CATALOGUE, format!("{root}>{}{rest}", "<c:d>".repeat(200_000)).into_bytes());
    let refused = rig.refused().await;
    assert!(refused.contains("nesting of elements is more than the limit"), "{refused}");
    assert_eq!(rig.vendor.count("/canary"), 0, "nobody went there");
    rig.server.holds();
}

#[tokio::test]
async fn v_07_names_in_a_cabinet_are_only_data() {
    let rig = Rig::sdp().await;
    let catalogue = |number: u64| Catalogue::new([Update::new(number, &format!("AC26-{number:03}"))]).v1_xml();
    let names =
        ["../../../../evil-1.xml", "/evil-2.xml", "C:\\evil-3.xml", "..\\..\\evil-4.xml", "\\\\host\\evil-5.xml"];
    for (number, name) in (1..).zip(names) {
        rig.vendor.publish(CATALOGUE, cabinet(Method::Mszip, &[(name, &catalogue(number))]));
        assert_eq!(rig.import().await.get("added"), 1, "{name}");
    }
    let written: Vec<String> = files(rig.server.data()).into_iter().filter(|name| name.contains("evil")).collect();
    assert_eq!(written, [""; 0]);
    assert!((1..=5).all(|number| !std::path::Path::new(&format!("/evil-{number}.xml")).exists()));
    rig.server.holds();
}

/// Names of all files below a folder.
fn files(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        names.push(entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(files(&entry.path()));
        }
    }
    names
}

#[tokio::test]
async fn s_24_circles_of_prerequisites_and_a_long_chain_are_imported_with_the_rest() {
    const CHAIN: u64 = 3_000;
    let rig = Rig::sdp().await;
    let mut updates = vec![Update::new(1, "AC26-001"), Update::new(2, "AC26-002")];
    updates[0].prerequisites = vec![vec![update_number(2)], vec![update_number(1)]];
    updates[1].prerequisites = vec![vec![update_number(1), update_number(77)]];
    updates.extend((10..10 + CHAIN).map(|number| Update::new(number, "AC26-CHAIN").supersedes([number + 1])));
    rig.publish(&Catalogue::new(updates));
    let counts = rig.import().await;
    assert_eq!(counts.get("added"), 2 + CHAIN);
    assert_eq!(counts.get("superseded"), CHAIN - 1, "each but the first, which supersedes the next");
    assert_eq!(rig.names("sort=name").await, ["AC26-001", "AC26-002", "AC26-CHAIN"]);
    rig.server.holds();
}

#[tokio::test]
async fn v_13_an_index_with_a_million_fields_is_refused_and_the_old_one_stays() {
    let key = Key::generate(KeyKind::Ed25519);
    let rig = Rig::start().await;
    rig.add(&json!({ "name": "acme", "source": {
        "kind": "apt", "url": rig.vendor.url("/debian"), "suite": "bookworm-security", "components": ["main"],
        "architectures": ["amd64"], "keyring": STANDARD.encode(key.keyring()),
    } }))
    .await;
    let mut repository = Repository::new([Deb::new("tool", "1.0", "amd64")]).fresh(Timestamp::now());
    repository.compressions = vec![Compression::Plain];
    repository.publish(&rig.vendor, "/debian", &key);
    assert_eq!(rig.import().await.get("added"), 1);
    let fields = |count: u32| (0..count).map(|number| (format!("X-{number}"), "v".to_owned())).collect();
    repository.debs[0].version = "1.1".into();
    repository.debs[0].fields = fields(1_000_000);
    repository.publish(&rig.vendor, "/debian", &key);
    let refused = rig.refused().await;
    assert!(refused.contains("(limit)") && refused.contains("the fields of one entry"), "{refused}");
    repository.debs[0].fields = fields(100);
    repository.publish(&rig.vendor, "/debian", &key);
    assert_eq!(rig.import().await.get("revised"), 1, "and then it goes on");
    rig.server.holds();
}
