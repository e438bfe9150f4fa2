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

#[tokio::test]
async fn one_jumps_to_a_time_pages_back_and_sees_what_is_around_a_record() {
    let world = World::new().await;
    let api = world.server.api();
    for verb in ["disable", "enable", "disable", "enable"] {
        let _: serde_json::Value = api.post(&format!("/api/v1/bulletins/{verb}"), &json!({ "filter": {} })).await;
    }
    let all = eventually_async("all records", DEADLINE, || async {
        let page: Page<LogRecord> = api.get("/api/v1/logs?limit=1000").await;
        (page.items.iter().filter(|r| r.message == "bulletin enabled").count() == 6).then_some(page.items)
    })
    .await;
    let read = async |query: String| -> Vec<i64> {
        let page: Page<LogRecord> = api.get(&format!("/api/v1/logs?{query}")).await;
        page.items.into_iter().map(|record| record.number).collect()
    };
    let (last, middle) = (all[all.len() - 1].number, &all[all.len() / 2]);
    let number = middle.number;
    assert_eq!(read(format!("before={number}&limit=2")).await, [number - 2, number - 1]);
    assert_eq!(read(format!("around={number}&limit=5")).await, (number - 2..=number + 2).collect::<Vec<_>>());
    assert_eq!(read("around=1&limit=2".to_owned()).await, [1], "nothing came before the first");
    assert_eq!(read(format!("around={last}&limit=3")).await, [last - 1, last]);
    let since = all.iter().find(|record| record.at >= middle.at).unwrap().number;
    assert_eq!(read(format!("from={}&limit=1", middle.at)).await, [since]);
    assert_eq!(read("from=2999-01-01T00:00:00Z".to_owned()).await, Vec::<i64>::new());
    let enabled = read(format!("before={last}&text=bulletin%20enabled&limit=1000")).await;
    assert!(enabled.len() >= 5 && enabled.iter().all(|number| *number < last), "{enabled:?}");
    for query in ["after=1&before=9", "around=1&from=2026-01-01T00:00:00Z"] {
        let response = api.request(reqwest::Method::GET, &format!("/api/v1/logs?{query}")).send().await.unwrap();
        assert_eq!(response.status(), 400, "{query}");
    }
    let response = api.request(reqwest::Method::GET, "/api/v1/logs/events?around=3").send().await.unwrap();
    assert_eq!(response.status(), 400, "a stream has no such place");
}

#[tokio::test]
async fn the_whole_filtered_log_is_a_file_of_lines() {
    let world = World::new().await;
    let api = world.server.api();
    // More than are read at once.
    for turn in 0..400 {
        let verb = if turn % 2 == 0 { "disable" } else { "enable" };
        let _: serde_json::Value = api.post(&format!("/api/v1/bulletins/{verb}"), &json!({ "filter": {} })).await;
    }
    let lines = eventually_async("all records", DEADLINE, || async {
        let request = api.request(reqwest::Method::GET, "/api/v1/logs/download?text=bulletin%20");
        let response = request.send().await.unwrap();
        let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(disposition.starts_with("attachment; filename=\"patchwharf-log-"), "{disposition}");
        let text = response.text().await.unwrap();
        let lines: Vec<LogRecord> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines.iter().filter(|r| r.message.ends_with("abled")).count() == 1200).then_some(lines)
    })
    .await;
    assert!(lines.windows(2).all(|pair| pair[0].number < pair[1].number), "twice or out of order");
    assert!(lines.iter().all(|record| record.message.to_lowercase().contains("bulletin ")));
    let response = api.request(reqwest::Method::GET, "/api/v1/logs/download?limit=5").send().await.unwrap();
    assert_eq!(response.status(), 400);
}
