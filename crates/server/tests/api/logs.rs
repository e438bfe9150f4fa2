//! The log.

use patchwharf_model::api::{Location, LogRecord, Page};
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
async fn a_record_that_names_a_package_alone_is_found_by_its_bulletin() {
    let world = World::staged().await;
    let api = world.server.api();
    let home = tempfile::TempDir::new().unwrap();
    let new = home.path().canonicalize().unwrap().join("packages").display().to_string();
    let _ = world.server.patchwharf(&["settings", "set", "package-location", &new]).ok();
    let places: Vec<Location> = api.get("/api/v1/locations").await;
    let id = |of: &dyn Fn(&Location) -> bool| places.iter().find(|one| of(one)).unwrap().id;
    let (here, there) = (id(&|one| !one.is_default), id(&|one| one.is_default));
    let of = json!({ "bulletins": ["B-1"] });
    api.run_job("/api/v1/locations/relocate", &json!({ "from": here, "to": there, "of": of })).await;
    let undone = api.run_job(&format!("/api/v1/locations/{there}/undo"), &json!({ "to": here })).await.job.id;
    let bulletin: serde_json::Value = api.get("/api/v1/bulletins/B-1").await;
    let path = format!("/api/v1/logs?bulletin={}&job={undone}", bulletin["id"].as_str().unwrap());
    let found = eventually_async("the records of the undo", DEADLINE, || async {
        let page: Page<LogRecord> = api.get(&path).await;
        page.items.into_iter().find(|record| record.message.contains("is served from its original"))
    })
    .await;
    assert!(found.package.is_some(), "{found:?}");
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

/// The events of a stream that was asked for with these, until one has the text.
async fn events_until(world: &World, last: &str, query: &str, text: &str) -> Vec<(String, String, String)> {
    use futures_util::StreamExt as _;
    let api = world.server.api();
    let request = api.request(reqwest::Method::GET, &format!("/api/v1/logs/events?{query}"));
    let response = request.header("last-event-id", last).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (mut chunks, mut read) = (response.bytes_stream(), String::new());
    let reading = async {
        while !read.contains(text) || !read.ends_with("\n\n") {
            read.push_str(&String::from_utf8_lossy(&chunks.next().await.unwrap().unwrap()));
        }
    };
    let wanted = format!("a record with {text:?}");
    tokio::time::timeout(DEADLINE, reading).await.expect(&wanted);
    crate::jobs::events(&read)
}

#[tokio::test]
async fn a_follower_of_a_log_that_began_anew_is_told_so_and_follows_it() {
    let world = World::new().await;
    let disable = async {
        let _: serde_json::Value =
            world.server.api().post("/api/v1/bulletins/disable", &json!({ "bulletins": ["B-1"] })).await;
    };
    let (events, ()) = tokio::join!(events_until(&world, "999999", "", "bulletin disabled"), disable);
    assert_eq!(events[0].0, "restarted");
    assert!(events[1..].iter().all(|(name, ..)| name == "record"), "{events:?}");
    // With what the log holds, if that is asked for.
    let events = events_until(&world, "999999", "limit=1000", "bulletin disabled").await;
    assert_eq!((events[0].0.as_str(), events[1].0.as_str()), ("restarted", "record"));
    let number = |at: usize| serde_json::from_str::<LogRecord>(&events[at].2).unwrap().number;
    assert_eq!(number(1), 1);
}

#[tokio::test]
async fn a_follower_is_told_where_the_next_records_are_gone() {
    let world = World::new().await;
    let disable = async |verb: &str| {
        let path = format!("/api/v1/bulletins/{verb}");
        let _: serde_json::Value = world.server.api().post(&path, &json!({ "bulletins": ["B-1"] })).await;
    };
    disable("disable").await;
    let before = events_until(&world, "0", "", "bulletin disabled").await;
    assert!(before.iter().all(|(name, ..)| name == "record"), "nothing is missing");
    let now = patchwharf_model::Timestamp::now();
    let db = patchwharf_db::Db::open(&patchwharf_db::Options::new(world.server.database_url()), now).await.unwrap();
    patchwharf_db::logs::prune(&db, now, u64::MAX).await.unwrap();
    db.close().await;
    disable("enable").await;
    eventually_async("the record is stored", DEADLINE, || async {
        let page: Page<LogRecord> = world.server.api().get("/api/v1/logs?text=bulletin%20enabled").await;
        (!page.items.is_empty()).then_some(())
    })
    .await;
    let after = events_until(&world, "1", "", "bulletin enabled").await;
    assert_eq!((after[0].0.as_str(), after[0].2.as_str()), ("cut", r#"{"after":1}"#));
    let next = serde_json::from_str::<LogRecord>(&after[1].2).unwrap();
    assert!(next.number > before.len() as i64 && next.at > now, "{next:?}");
}

#[tokio::test]
async fn numbers_that_a_power_cut_took_with_their_records_do_not_come_again() {
    let mut world = World::new().await;
    let newest = async |world: &World| {
        let page: Page<LogRecord> = world.server.api().get("/api/v1/logs?limit=1").await;
        page.items.first().map_or(0, |record| record.number)
    };
    let before = newest(&world).await;
    world.server.restart().await;
    eventually_async("a record after the start, far from those of before", DEADLINE, || async {
        let after = newest(&world).await;
        // The last records of before may have come after the look at them.
        (after > before + 50_000).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_text_is_found_in_fields_too_stored_and_live() {
    let world = World::new().await;
    let api = world.server.api();
    let page = eventually_async("a record of a job with fields", DEADLINE, || async {
        let page: Page<LogRecord> = api.get("/api/v1/logs?limit=1000").await;
        page.items.iter().any(|record| !record.fields.is_empty() && record.job.is_some()).then_some(page)
    })
    .await;
    let record = page.items.iter().find(|record| !record.fields.is_empty() && record.job.is_some()).unwrap();
    let (name, value) = record.fields.iter().next().unwrap();
    let value = value.as_str().unwrap();
    assert!(!record.message.contains(value));
    let text =
        format!("{name}={value}").replace('%', "%25").replace(' ', "%20").replace('&', "%26").replace('#', "%23");
    let found: Page<LogRecord> = api.get(&format!("/api/v1/logs?text={text}&limit=1000")).await;
    assert!(found.items.iter().any(|one| one.number == record.number), "{text}: {found:?}");
    let disable = async {
        let _: serde_json::Value = api.post("/api/v1/bulletins/disable", &json!({ "bulletins": ["B-1"] })).await;
    };
    // Live, by the same rule.
    let last = page.items.last().unwrap().number.to_string();
    let (events, ()) = tokio::join!(events_until(&world, &last, "text=name=B-1", "B-1"), disable);
    assert!(events.iter().all(|(.., data)| data.contains("B-1")), "{events:?}");
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
    let around_last = read(format!("around={last}&limit=3")).await;
    assert!(around_last.starts_with(&[last - 1, last]), "{last}: {around_last:?}");
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
