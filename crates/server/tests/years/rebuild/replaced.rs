//! Packages that were replaced, and still lie on disk, never take the place of the newest.

use std::path::PathBuf;

use patchwharf_model::{
    api::{BulletinDetail, PackageDetail},
    job::JobState,
};
use patchwharf_testkit::{
    Payload, Server,
    sdp::{Catalogue, Update},
};
use serde_json::json;

use super::{Lost, id};
use crate::stock::{BINARY, Stock};

/// `B-0` has a newer package; the older one is retired and lies on disk. Then the database is lost.
struct Replaced {
    lost: Lost,
    old: String,
    new: String,
    old_folder: PathBuf,
    new_file: Payload,
}

impl Replaced {
    async fn new(revised: bool) -> Self {
        let mut stock = Stock::new(Server::setup(BINARY), 2, 70_000).await;
        stock.stage(0..2).await;
        let package = |bulletin: BulletinDetail| bulletin.software_updates[0].package.unwrap();
        let old = package(stock.server.api().get("/api/v1/bulletins/B-0").await);
        let new_file = match revised {
            true => Payload::random("f0.exe", 90_000),
            false => stock.files[0].clone(),
        };
        if revised {
            let files = [&new_file, &stock.files[1]];
            let updates = files.into_iter().zip(1..).map(|(file, number)| {
                let update = Update::new(number, &format!("B-{}", number - 1)).payload(&stock.vendor, file);
                update.created("2026-11-20T08:00:00Z")
            });
            stock.vendor.publish("/catalogue.xml", Catalogue::new(updates).v1_xml());
            let import = stock.server.api().run_job("/api/v1/feeds/vendor/import", &json!({})).await;
            assert_eq!(import.job.state, JobState::Done, "{import:#?}");
        }
        let wish = json!({ "of": { "bulletins": ["B-0"] }, "complete": true });
        let refreshed = stock.server.api().run_job("/api/v1/bulletins/refresh", &wish).await;
        assert_eq!(refreshed.job.state, JobState::Done, "{refreshed:#?}");
        let new = package(stock.server.api().get("/api/v1/bulletins/B-0").await);
        assert_ne!(old, new);
        stock.files[0] = new_file.clone();
        let lost = Lost::of(stock, 2).await;
        let old_folder = lost.packages.join(old.to_string());
        assert!(old_folder.exists(), "its grace is not over");
        Self { lost, old: old.to_string(), new: new.to_string(), old_folder, new_file }
    }

    /// The newest is the update's package, under its address and with its bytes; the older one is not.
    async fn assert_newest(&mut self) {
        self.lost.stock.server.restart().await;
        let api = self.lost.stock.server.api();
        let bulletin: BulletinDetail = api.get("/api/v1/bulletins/B-0").await;
        let package = bulletin.software_updates[0].package.unwrap();
        assert_eq!(package.to_string(), self.new, "{bulletin:#?}");
        self.lost.import_again(&self.lost.stock.server).await;
        self.lost.assert_served(&self.lost.stock.server, &[0, 1]).await;
        let package: PackageDetail = api.get(&format!("/api/v1/packages/{}", self.new)).await;
        assert!(package.summary.active && !package.summary.unproved, "{package:#?}");
        assert_eq!(id(&self.lost.addresses[0]), self.new);
        let on_disk = std::fs::read(self.lost.on_disk(0)).unwrap();
        assert!(on_disk == self.new_file.bytes);
        self.lost.stock.idle().await;
        self.lost.stock.server.holds();
    }
}

#[tokio::test]
async fn a_replaced_package_of_other_content_stays_retired_after_a_rebuild() {
    stays_retired(true).await;
}

#[tokio::test]
async fn a_replaced_package_of_the_same_content_stays_retired_after_a_rebuild() {
    stays_retired(false).await;
}

async fn stays_retired(revised: bool) {
    let mut replaced = Replaced::new(revised).await;
    let told = replaced.lost.stock.server.patchwharf(&["store", "rebuild"]).ok();
    assert!(told.contains("the rows of 2 packages") && told.contains("1 older version that it replaced"), "{told}");
    let old = format!("/packages/{}/1/f0.exe", replaced.old);
    replaced.lost.stock.server.restart().await;
    let api = replaced.lost.stock.server.api();
    let refused = api.fetch(&old).await;
    assert_eq!((refused.status, refused.problem().code.as_str()), (503, "unproved"), "nobody vouches for it either");
    replaced.lost.stock.idle().await;
    assert_eq!(replaced.lost.stock.server.terminate(), Some(0));
    replaced.assert_newest().await;
    assert!(replaced.old_folder.exists(), "it is kept for its grace");
    // What is on disk for its grace has the bytes that it had, once the feed names them.
    let answer = replaced.lost.stock.server.api().fetch(&old).await;
    assert_eq!(answer.status, if revised { 503 } else { 200 }, "{}", answer.text());
}

#[tokio::test]
async fn a_replaced_package_of_other_content_that_turns_up_later_is_set_aside() {
    turns_up_later(true).await;
}

#[tokio::test]
async fn a_replaced_package_of_the_same_content_that_turns_up_later_is_set_aside() {
    turns_up_later(false).await;
}

/// It was not there when the rows were made, as if its disk had been away.
async fn turns_up_later(revised: bool) {
    let mut replaced = Replaced::new(revised).await;
    let away = replaced.lost.packages.with_file_name("away");
    std::fs::rename(&replaced.old_folder, &away).unwrap();
    let told = replaced.lost.stock.server.patchwharf(&["store", "rebuild"]).ok();
    assert!(told.contains("the rows of 2 packages") && !told.contains("older"), "{told}");
    std::fs::rename(&away, &replaced.old_folder).unwrap();
    replaced.assert_newest().await;
    assert!(!replaced.old_folder.exists(), "it is in quarantine");
    let said = replaced.lost.stock.server.output();
    assert!(said.contains("quarantined") && said.contains("which its update has, later"), "{said}");
}
