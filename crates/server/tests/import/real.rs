//! Real catalogues through the whole server, where they are at hand, and many updates at once.

use std::path::{Path, PathBuf};

use patchwharf_testkit::sdp::Many;
use serde_json::json;

use crate::rig::Rig;

fn sample(name: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = match std::env::var_os("PATCHWHARF_SAMPLES") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => vec![here.join("../../../shared/samples"), here.join("../../../../shared/samples")],
    };
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.exists());
    if found.is_none() {
        patchwharf_testkit::skipped(&format!("the sample {name} is not at hand (PATCHWHARF_SAMPLES names its folder)"));
    }
    found?.canonicalize().ok()
}

#[tokio::test]
async fn hps_catalogue_is_imported_whole() {
    let Some(path) = sample("sdp/generated/HpCatalogForSms.mszip.cab") else { return };
    let rig = Rig::start().await;
    rig.add(&json!({ "name": "acme", "source": { "kind": "sdp", "url": path.to_str().unwrap() } })).await;
    let counts = rig.import().await;
    assert_eq!(counts.all(), [1_829, 0, 0, 0, 0, 0], "{}", counts.text());
    println!("import: {:?}", counts.0.job);
    assert!(rig.import().await.text().contains("has not changed"));
}

#[tokio::test]
async fn many_updates_are_imported_in_batches() {
    let rig = Rig::start().await;
    let path = rig.server.data().join("many.xml");
    Many::new(3_500, "https://vendor.example").write_v1(&path).unwrap();
    rig.add(&json!({ "name": "acme", "source": { "kind": "sdp", "url": path.to_str().unwrap() } })).await;
    let counts = rig.import().await;
    assert_eq!((counts.get("added"), counts.get("superseded")), (3_500, 349));
    let page: serde_json::Value = rig.server.api().get("/api/v1/bulletins?limit=1").await;
    assert!(page["items"][0]["updates"].is_number(), "{page}");
}
