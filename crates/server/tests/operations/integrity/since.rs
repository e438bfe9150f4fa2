//! Since when a thing is wrong: kept as long as every check finds it again.

use std::time::Duration;

use patchwharf_model::finding::FindingKind as Kind;

use super::{check, full, light, many, repair, rot};
use crate::world::World;

#[tokio::test]
async fn a_finding_keeps_its_first_day_until_it_was_mended() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let day = Duration::from_secs(24 * 3600);
    rot(&world.folder(&names[0]).await.join(&names[0]));
    let first = world.clock.now();
    check(&world, full()).await.troubled();
    world.later(day);
    rot(&world.folder(&names[1]).await.join(&names[1]));
    let second = world.clock.now();
    let checked = check(&world, full()).await.troubled();
    let since = |name: &str| checked.findings.iter().find(|f| f.bulletin_name == name).unwrap().since;
    assert_eq!((since(&names[0]), since(&names[1])), (first, second));
    world.later(day);
    assert_eq!(check(&world, light()).await.troubled().findings[0].since.min(first), first, "a light one keeps it too");
    let mended = check(&world, repair()).await.clean();
    assert!(mended.findings.iter().all(|f| f.since <= second), "{mended:#?}");
    check(&world, full()).await.clean();
    world.later(day);
    let third = world.clock.now();
    rot(&world.folder(&names[0]).await.join(&names[0]));
    let again = check(&world, full()).await.troubled();
    assert_eq!(again.one(Kind::FileChanged).since, third, "what was mended begins anew");
}
