//! What is taken over, what is not, and what a dry run says of it.

use std::path::PathBuf;

use patchwharf_model::api::PackageDetail;
use patchwharf_testkit::{Server, server::TEST_CONFIG};

use super::{Lost, contents, id};
use crate::stock::{BINARY, Stock};

/// Another server, with keys and a database of its own, and the manifest whose key it may trust.
async fn newcomer(lost: &Lost) -> (Server, String) {
    let new = Server::setup(BINARY).config(TEST_CONFIG).packages(&lost.packages).prepare().await;
    (new, lost.on_disk(0).with_file_name("package.json").display().to_string())
}

/// Markers, old and new, and their texts.
fn markers(lost: &Lost) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(&lost.packages).unwrap().map(|entry| entry.unwrap().path());
    let markers = entries.filter(|path| path.file_name().unwrap().to_str().unwrap().contains("location.json"));
    let mut markers: Vec<_> = markers.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect();
    markers.sort();
    markers
}

#[tokio::test]
async fn what_a_feed_has_under_other_ids_is_not_taken_over_while_adoption_works() {
    let lost = Lost::new(Server::setup(BINARY), 2).await;
    let mut new = Server::setup(BINARY).start().await;
    lost.import_again(&new).await;
    assert_eq!(new.terminate(), Some(0));
    let (path, before) = (lost.packages.display().to_string(), (contents(&lost.packages), markers(&lost)));
    let manifest = lost.on_disk(0).with_file_name("package.json").display().to_string();
    for dry in [&["--dry-run"][..], &[]] {
        let take = ["store", "rebuild", "--take-over", "--location", &path, "--trust", &manifest];
        let refused = new.patchwharf(&[&take[..], dry].concat());
        assert_eq!(refused.code, Some(2), "{refused:?}");
        for told in ["under other ids", "location adopt", "Nothing was changed"] {
            assert!(refused.stderr.contains(told), "{told}: {refused:?}");
        }
        assert_eq!((contents(&lost.packages), markers(&lost)), before);
    }
    new.restart().await;
    let adopted = new.patchwharf(&["location", "adopt", &path]).ok();
    assert!(adopted.contains("2 packages adopted"), "{adopted}");
    new.holds();
}

#[tokio::test]
async fn nothing_is_taken_over_where_nothing_can_be_taken() {
    let lost = Lost::new(Server::setup(BINARY), 2).await;
    let (mut new, manifest) = newcomer(&lost).await;
    let before = markers(&lost);
    let left = new.patchwharf(&["store", "rebuild", "--take-over"]);
    assert!(left.code == Some(1) && left.stdout.contains("left as it is"), "{left:?}");
    assert_eq!(markers(&lost), before);
    // With the key it is another thing, and what is there is served.
    let made = new.patchwharf(&["store", "rebuild", "--take-over", "--trust", &manifest]).ok();
    assert!(made.contains("taken over") && made.contains("the rows of 2 packages"), "{made}");
    new.restart().await;
    lost.assert_served(&new, &[0, 1]).await;
    new.holds();
}

#[tokio::test]
async fn a_dry_run_makes_nothing_and_says_what_is_done_then() {
    let lost = Lost::new(Server::setup(BINARY), 3).await;
    let (mut new, manifest) = newcomer(&lost).await;
    std::fs::remove_file(lost.packages.join("location.json")).unwrap();
    for folder in [".staging", ".quarantine"] {
        std::fs::remove_dir_all(lost.packages.join(folder)).unwrap();
    }
    let here = |folder: &std::path::Path| -> Vec<PathBuf> {
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let before = (here(new.data()), here(&lost.packages));
    let take = ["store", "rebuild", "--take-over", "--trust", &manifest];
    let dry = new.patchwharf(&[&take[..], &["--dry-run"]].concat()).ok();
    for told in ["the rows of 3 packages", "has no location.json: would be given one", "manifest.key is not there"] {
        assert!(dry.contains(told), "{told}: {dry}");
    }
    assert_eq!((here(new.data()), here(&lost.packages)), before, "a dry run makes nothing");
    let made = new.patchwharf(&take).ok();
    assert!(made.contains("the rows of 3 packages") && made.contains("has no location.json: given one"), "{made}");
    assert_eq!(markers(&lost).len(), 1, "there was no old one that could be kept");
    new.restart().await;
    lost.assert_served(&new, &[0, 1, 2]).await;
    new.holds();
}

#[tokio::test]
async fn of_two_copies_that_of_the_location_named_last_is_served_and_the_other_one_is_an_original() {
    let stock = Stock::new(Server::setup(BINARY), 2, 70_000).await;
    stock.stage(0..2).await;
    let home = tempfile::tempdir().unwrap();
    let place = home.path().canonicalize().unwrap().join("new").display().to_string();
    drop(stock.server.patchwharf(&["settings", "set", "package-location", &place]).ok());
    drop(stock.server.patchwharf(&["location", "relocate"]).ok());
    let mut lost = Lost::of(stock, 2).await;
    let key = lost.stock.server.data().join("manifest.key").display().to_string();
    let old = lost.packages.display().to_string();
    let rebuild = ["store", "rebuild", "--trust", &key, "--location", &old, "--location", &place];
    let made = lost.stock.server.patchwharf(&rebuild).ok();
    assert!(made.contains("the rows of 2 packages") && made.contains("2 originals of them"), "{made}");
    lost.stock.server.restart().await;
    lost.assert_served(&lost.stock.server, &[0, 1]).await;
    let listed = lost.stock.server.patchwharf(&["--json", "location", "list"]).ok();
    let locations: serde_json::Value = serde_json::from_str(&listed).unwrap();
    for address in &lost.addresses {
        let package: PackageDetail = lost.stock.server.api().get(&format!("/api/v1/packages/{}", id(address))).await;
        let at = serde_json::to_value(&package).unwrap()["versions"][0]["location"].clone();
        let items = locations.as_array().or_else(|| locations["items"].as_array()).unwrap();
        let named = items.iter().find(|one| one["id"] == at).unwrap();
        assert_eq!(named["path"], serde_json::json!(place), "{package:#?}");
        assert_eq!(package.versions[0].originals.len(), 1, "{package:#?}");
    }
    lost.stock.server.holds();
}
