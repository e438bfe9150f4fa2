//! The log.

use patchwharf_model::api::{LogRecord, Page};
use patchwharf_testkit::{eventually_async, server::DEADLINE};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn records_of_a_job_are_found_by_its_id() {
    let world = World::new().await;
    let api = world.server.api();
    let job = api.run_job("/api/v1/bulletins/stage", &json!({ "bulletins": ["B-1"] })).await.job.id;
    let path = format!("/api/v1/logs?job={job}");
    let records = eventually_async("records of the job", DEADLINE, || async {
        let page: Page<LogRecord> = api.get(&path).await;
        (!page.items.is_empty()).then_some(page.items)
    })
    .await;
    assert!(records.iter().all(|record| record.job == Some(job)));
    assert!(records.is_sorted_by_key(|record| record.number));
    let warnings: Page<LogRecord> = api.get("/api/v1/logs?level=error").await;
    assert!(warnings.items.is_empty(), "{warnings:?}");
}

#[tokio::test]
async fn a_follower_gets_what_it_missed_and_then_what_comes() {
    use futures_util::StreamExt as _;
    let world = World::new().await;
    let api = world.server.api();
    let request = api.request(reqwest::Method::GET, "/api/v1/logs/events").header("last-event-id", "0");
    let response = request.send().await.unwrap();
    let mut chunks = response.bytes_stream();
    let mut text = String::new();
    let _: serde_json::Value = api.post("/api/v1/bulletins/disable", &json!({ "bulletins": ["B-1"] })).await;
    let read = async {
        while !text.contains("bulletin disabled") {
            text.push_str(&String::from_utf8_lossy(&chunks.next().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(DEADLINE, read).await.expect("the record comes");
    let numbers: Vec<i64> = crate::jobs::events(&text)
        .iter()
        .filter_map(|(_, _, data)| serde_json::from_str::<LogRecord>(data).ok())
        .map(|r| r.number)
        .collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "records come twice or out of order: {numbers:?}");
}
