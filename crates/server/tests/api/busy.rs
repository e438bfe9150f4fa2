//! C-11: another process holds the database while the API is asked.

use patchwharf_model::api::{BulletinDetail, Job, Page};
use patchwharf_testkit::database::Held;
use reqwest::Method;
use serde_json::json;

use crate::world::{World, done};

#[tokio::test]
async fn c_11_a_change_while_another_process_holds_the_database_is_503_with_retry_after_and_reading_goes_on() {
    let world = World::staged().await;
    let api = world.server.api();
    let address = world.address("B-1", "file-0.exe").await;
    let held = Held::take(&world.server.data().join("patchwharf.db")).await;
    let choice = json!({ "bulletins": ["B-2"] });
    for path in ["/api/v1/bulletins/stage", "/api/v1/bulletins/disable", "/api/v1/store/reconcile"] {
        let body = if path.ends_with("reconcile") { json!({}) } else { choice.clone() };
        let answer = api.call(Method::POST, path, Some(&body)).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
        let seconds: u64 = answer.header("retry-after").expect("when to try again").parse().unwrap();
        assert!(seconds > 0, "{path}");
        let problem = answer.problem();
        assert_eq!(problem.code, "busy", "{path}");
        assert!(problem.detail.contains("Try again"), "{path}: {}", problem.detail);
    }
    let read: BulletinDetail = api.get("/api/v1/bulletins/B-2").await;
    assert!(read.summary.enabled, "nothing was half done");
    assert_eq!(api.fetch(&address).await.body, world.files[0].bytes);
    let before: Page<Job> = api.get("/api/v1/jobs?kind=stage").await;
    held.release().await;

    done(&api.run_job("/api/v1/bulletins/stage", &choice).await);
    let after: Page<Job> = api.get("/api/v1/jobs?kind=stage").await;
    assert_eq!(after.items.len(), before.items.len() + 1, "what was refused has left no job");
    world.server.holds();
}
