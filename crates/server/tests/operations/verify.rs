use std::fs;

use patchwharf_model::{
    job::{JobRequest, Selection},
    package::VersionState,
};
use patchwharf_testkit::Payload;

use crate::world::World;

async fn many(world: &World, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|n| format!("B-{n:03}")).collect();
    let bulletins: Vec<_> =
        names.iter().map(|name| (name.as_str(), vec![world.publish(&Payload::random(name.clone(), 2_000))])).collect();
    world.catalogue(&bulletins).await;
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    world.stage(&all).await.done();
    names
}

#[tokio::test]
async fn g_01_one_rotten_byte_is_found_although_size_and_time_are_unchanged() {
    let world = World::start().await;
    let names = many(&world, 40).await;
    let path = world.folder(&names[7]).await.join(&names[7]);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let ended = world.run(JobRequest::Verify { of: Selection::All }).await.failed();
    assert_eq!((ended.count("whole"), ended.count("corrupt")), (39, 1));
    assert_eq!(world.update(&names[7]).await.state, Some(VersionState::Corrupt));
    assert!(world.vendor.count(&format!("/{}", names[7])) == 1, "verify mends nothing by itself");
}

#[tokio::test]
async fn verification_renews_proofs_and_a_file_that_is_right_again_is_staged_again() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let path = world.folder(&names[0]).await.join(&names[0]);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    world.run(JobRequest::Verify { of: Selection::All }).await.failed();
    assert_eq!(world.update(&names[0]).await.state, Some(VersionState::Missing));
    fs::write(&path, bytes).unwrap();
    world.later(std::time::Duration::from_secs(60));
    world.run(JobRequest::Verify { of: Selection::All }).await.done();
    let update = world.update(&names[0]).await;
    assert_eq!((update.state, update.proved_at), (Some(VersionState::Staged), Some(world.clock.now())));
}

#[tokio::test]
async fn verification_of_many_packages_needs_few_statements() {
    let world = World::start().await;
    many(&world, 200).await;
    let before = world.app().db.statements();
    world.run(JobRequest::Verify { of: Selection::All }).await.done();
    let statements = world.app().db.statements() - before;
    println!("{statements} statements to verify 200 packages");
    assert!(statements < 200, "{statements} statements");
}
