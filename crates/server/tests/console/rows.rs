//! What rows say of jobs, as the server renders them: no browser is needed to read that.

use std::time::Duration;

use patchwharf_db::{Db, Options, jobs};
use patchwharf_model::{
    JobId, Timestamp,
    job::{JobKind, JobRequest, Selection},
};
use patchwharf_testkit::eventually_async;
use serde_json::{Value, json};

use crate::world::World;

/// A job that nobody begins today.
async fn waits(world: &World, kind: JobKind, request: &JobRequest) -> JobId {
    waits_with(world, kind, serde_json::to_string(request).unwrap()).await
}

async fn waits_with(world: &World, kind: JobKind, payload: String) -> JobId {
    let now = Timestamp::now();
    let db = Db::open(&Options::new(world.server.database_url()), now).await.unwrap();
    let mut write = db.write("test", "test", now).await.unwrap();
    let new = jobs::NewJob {
        kind,
        payload,
        priority: 0,
        dedup_key: None,
        operation_id: None,
        not_before: Some(now + Duration::from_secs(86_400)),
        only_on: None,
    };
    let job = jobs::enqueue(&mut write, &new).await.unwrap().job_id;
    write.commit().await.unwrap();
    db.close().await;
    job
}

/// The HTML of one row of a page.
async fn row(world: &World, page: &str, mark: &str) -> String {
    let html = world.server.api().fetch(page).await.text();
    let rows = html.split("<tr ").find(|row| row.contains(mark));
    rows.unwrap_or_else(|| panic!("{mark}: {html}")).split("</tr>").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_row_says_what_is_done_to_its_updates_and_packages_also_while_it_waits_or_is_paused() {
    let world = World::staged().await;
    let update = world.bulletin("B-1").await.software_updates[0].id;
    let package = world.package("B-2").await.summary;
    let of = Selection::Updates(vec![update]);
    let job = waits(&world, JobKind::Stage, &JobRequest::Stage { of }).await;
    let of = Selection::Packages(vec![package.id]);
    waits(&world, JobKind::Verify, &JobRequest::Verify { of }).await;

    let bulletins = "/console/bulletins?sort=name";
    let first = row(&world, bulletins, "data-name=\"B-1\"").await;
    assert!(first.contains(&format!("/console/jobs/{job}")) && first.contains("stage queued"), "{first}");
    let second = row(&world, bulletins, "data-name=\"B-2\"").await;
    assert!(second.contains("verify queued"), "{second}");
    assert!(!row(&world, bulletins, "data-name=\"B-3\"").await.contains("class=\"doing\""));
    let mark = format!("data-id=\"{}\"", package.id);
    assert!(row(&world, "/console/packages", &mark).await.contains("verify"), "the package says so, too");

    let _: Value = world.server.api().post(&format!("/api/v1/jobs/{job}/pause"), &json!({})).await;
    let first = row(&world, bulletins, "data-name=\"B-1\"").await;
    assert!(first.contains("stage paused"), "{first}");
    let page = world.server.api().fetch("/console/bulletins/B-1").await.text();
    assert!(page.contains("id=\"doing\"") && page.contains("every 2s"), "{page}");
}

#[tokio::test]
async fn a_job_that_another_version_ordered_is_shown_without_its_request() {
    let world = World::staged().await;
    let payload = json!({ "kind": "verify", "of": "all", "new-in-another-version": true }).to_string();
    let job = waits_with(&world, JobKind::Verify, payload).await;
    let detail: Value = world.server.api().get(&format!("/api/v1/jobs/{job}")).await;
    assert!(detail["request"].is_null() && detail["kind"] == "verify", "{detail:#}");
    let page = world.server.api().fetch(&format!("/console/jobs/{job}")).await.text();
    assert!(page.contains("another version of Patchwharf ordered it"), "{page}");
    let shown = world.server.patchwharf(&["job", "show", &job.to_string()]).ok();
    assert!(shown.contains("another version"), "{shown}");
}

#[tokio::test]
async fn a_live_page_is_its_frame_once_and_then_only_what_is_in_it() {
    let world = World::staged().await;
    let package = world.package("B-1").await.summary.id;
    for page in ["/console/bulletins/B-1".to_owned(), format!("/console/packages/{package}")] {
        // The log goes on meanwhile: two looks at a page are the same once nothing came between.
        let looks = || async {
            let whole = world.server.api().fetch(&page).await.text();
            assert!(whole.contains("<nav") && whole.contains("id=\"live\""), "{whole}");
            let request = world.server.api().request(reqwest::Method::GET, &page).header("hx-request", "true");
            let part = world.server.api().send(request).await.unwrap().text();
            assert!(part.trim_start().starts_with("<div id=\"live\"") && !part.contains("<nav"), "{part}");
            whole.contains(part.trim()).then_some(())
        };
        eventually_async("the part is what the whole page has", Duration::from_secs(60), looks).await;
    }
}
