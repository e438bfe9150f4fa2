//! Manifests that are not what they must be, and what was signed against what the database says (G-05).

use std::{fs, path::PathBuf};

use patchwharf_db::{
    packages,
    packages::{FileResult, Held, Verified},
};
use patchwharf_model::{
    FileName,
    finding::{FindingKind as Kind, Outcome},
    package::VersionState,
};
use patchwharf_store::SignedManifest;
use patchwharf_trust::ManifestKey;

use super::{check, full, many, repair};
use crate::world::World;

async fn manifest(world: &World, name: &str) -> PathBuf {
    world.folder(name).await.join("package.json")
}

#[tokio::test]
async fn each_way_in_which_a_manifest_can_be_wrong_is_found_and_mended_without_the_vendor() {
    let mut world = World::start().await;
    let names = many(&world, 7).await;
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let missing = manifest(&world, &names[0]).await;
    fs::remove_file(missing).unwrap();
    fs::write(manifest(&world, &names[1]).await, "{}").unwrap();
    let forged = manifest(&world, &names[2]).await;
    fs::write(&forged, text(&forged).replace(&format!("{}.update", names[2]), "another.update")).unwrap();
    let foreign = manifest(&world, &names[3]).await;
    let location = world.app().locations.default_location().unwrap();
    let update = world.update(&names[3]).await;
    let own = location
        .manifest(update.package_id.unwrap(), update.current_version.unwrap(), &world.app().signing_key.public())
        .unwrap();
    let other = ManifestKey::open_or_make(&world.home.path().join("other.key")).unwrap();
    fs::write(&foreign, SignedManifest::new(&own, &other).unwrap().to_bytes().unwrap()).unwrap();
    fs::copy(manifest(&world, &names[5]).await, manifest(&world, &names[4]).await).unwrap();
    let checked = check(&world, full()).await.troubled();
    let kind = |name: &str| checked.findings.iter().find(|f| f.bulletin_name == name).map(|f| f.kind);
    assert_eq!(kind(&names[0]), Some(Kind::ManifestMissing));
    assert_eq!(kind(&names[1]), Some(Kind::ManifestUnreadable));
    assert_eq!(kind(&names[2]), Some(Kind::ManifestUnsigned));
    assert_eq!(kind(&names[3]), Some(Kind::ManifestForeign));
    assert_eq!(kind(&names[4]), Some(Kind::ManifestOfAnother));
    assert_eq!(checked.findings.len(), 5, "{checked:#?}");
    for name in &names[..5] {
        assert_eq!(world.update(name).await.state, Some(VersionState::Staged), "its files are right");
    }
    world.vendor.go_down();
    let mended = check(&world, repair()).await.clean();
    assert!(
        mended.findings.iter().all(|f| f.outcome == Outcome::Mended && f.became.contains("version 2")),
        "{mended:#?}"
    );
    assert!(check(&world, full()).await.clean().kinds().is_empty());
    world.check().await;
}

/// Changes the row of a bulletin's file to say this content, proof and all, as somebody with the database can.
async fn change_row(world: &World, name: &str, sha256: patchwharf_model::Sha256) {
    let update = world.update(name).await;
    let (package, version) = (update.package_id.unwrap(), update.current_version.unwrap());
    let location = world.app().locations.default_location().unwrap();
    let (_, stamp) = location.open_file(package, version, &FileName::new(name).unwrap()).unwrap();
    let token = packages::versions(&world.app().db, &[package]).await.unwrap()[0].token;
    let verdict = Verified {
        held: Held { package_id: package, version, token },
        state: VersionState::Staged,
        reason: String::new(),
        files: vec![FileResult {
            name: name.to_owned(),
            state: VersionState::Staged,
            reason: String::new(),
            proof: Some((stamp, sha256)),
        }],
    };
    let now = world.clock.now();
    let mut w = world.app().db.write("attacker", "test", now).await.unwrap();
    assert!(packages::put_verified(&mut w, None, now, &[verdict]).await.unwrap().is_empty());
    w.commit().await.unwrap();
}

#[tokio::test]
async fn g_05_a_file_and_its_row_changed_together_meet_the_signed_manifest() {
    let mut world = World::start().await;
    let names = many(&world, 3).await;
    let path = world.folder(&names[1]).await.join(&names[1]);
    let good = fs::read(&path).unwrap();
    let evil = vec![0x66; 2_000];
    fs::write(&path, &evil).unwrap();
    change_row(&world, &names[1], patchwharf_testkit::payload::sha256(&evil)).await;
    let checked = check(&world, full()).await.troubled();
    let finding = checked.one(Kind::ManifestDisagrees);
    assert!(finding.found.contains("changed together"), "{finding:#?}");
    assert!(finding.expected.contains(&patchwharf_testkit::payload::sha256(&good).to_string()), "{finding:#?}");
    assert_eq!(world.update(&names[1]).await.state, Some(VersionState::Corrupt), "withdrawn at once");
    let mended = check(&world, repair()).await.clean();
    assert_eq!(mended.outcome(Kind::ManifestDisagrees), Outcome::Mended);
    assert_eq!(world.content(&names[1]).await[&names[1]], good);
    world.check().await;
}

#[tokio::test]
async fn g_05_a_row_changed_alone_is_mended_from_the_file_that_is_as_it_was_signed() {
    let mut world = World::start().await;
    let names = many(&world, 3).await;
    let good = world.content(&names[1]).await;
    change_row(&world, &names[1], patchwharf_testkit::payload::sha256(b"something else")).await;
    let checked = check(&world, full()).await.troubled();
    assert!(checked.one(Kind::ManifestDisagrees).found.contains("the file is as signed"), "{checked:#?}");
    world.vendor.go_down();
    let mended = check(&world, repair()).await.clean();
    assert_eq!(mended.outcome(Kind::ManifestDisagrees), Outcome::Mended);
    assert_eq!(world.content(&names[1]).await, good);
    assert!(check(&world, full()).await.clean().kinds().is_empty());
    world.check().await;
}
