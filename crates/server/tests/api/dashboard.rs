//! The dashboard: what needs attention now.

use patchwharf_db::{Db, Options, feeds};
use patchwharf_model::{Timestamp, api::Feed};
use patchwharf_testkit::{eventually_async, server::DEADLINE};
use serde_json::json;

use crate::world::World;

async fn dashboard(world: &World) -> String {
    world.server.api().fetch("/console").await.text()
}

#[tokio::test]
async fn a_feed_that_grows_old_and_one_that_fails_are_on_the_dashboard() {
    let world = World::staged().await;
    assert!(dashboard(&world).await.contains("Everything is well"));
    let now = Timestamp::now();
    let db = Db::open(&Options::new(world.server.database_url()), now).await.unwrap();
    let feed = feeds::show(&db, "vendor").await.unwrap().feed_id;
    let mut write = db.write("test", "test", now - std::time::Duration::from_secs(10 * 86_400)).await.unwrap();
    feeds::import_ended(&mut write, feed, None, None).await.unwrap();
    write.commit().await.unwrap();
    assert!(dashboard(&world).await.contains("Everything is well"), "without a schedule it is as old as it is to be");
    world.vendor.go_down();
    let mut write = db.write("test", "test", now).await.unwrap();
    let hourly = feeds::FeedChange { schedule_minutes: Some(Some(60)), ..feeds::FeedChange::default() };
    feeds::update(&mut write, feed, &hourly).await.unwrap();
    write.commit().await.unwrap();
    db.close().await;
    let page = eventually_async("the dashboard says so", DEADLINE, || async {
        let page = dashboard(&world).await;
        page.contains("was last imported").then_some(page)
    })
    .await;
    assert!(page.contains("though its schedule is every 60 minutes") && !page.contains("Everything is well"), "{page}");

    let source = json!({ "kind": "sdp", "url": world.vendor.url("/nowhere.xml") });
    let _: Feed = world.server.api().post("/api/v1/feeds", &json!({ "name": "broken", "source": source })).await;
    let _ = world.server.api().run_job("/api/v1/feeds/broken/import", &json!({})).await;
    let page = dashboard(&world).await;
    assert!(page.contains(">broken</a> could not be imported: "), "{page}");
    assert!(page.contains("/console/log?job="), "from a job that failed to its log");
}

#[tokio::test]
async fn numbers_stand_beside_the_bars() {
    let world = World::staged().await;
    eventually_async("the counts are those of now", DEADLINE, || async {
        let page = dashboard(&world).await;
        ["1 downloaded", "0 damaged", "0 not"].iter().all(|part| page.contains(part)).then_some(())
    })
    .await;
}
