//! Jobs.

use patchwharf_model::{
    api::{Job, JobDetail, JobEvent, Page},
    job::{JobKind, JobState},
};
use patchwharf_testkit::vendor::Mood;
use reqwest::Method;
use serde_json::json;

use crate::world::{World, done};

#[tokio::test]
async fn c_25_the_same_request_sent_twice_is_one_job() {
    let world = World::new().await;
    let api = world.server.api();
    let body = json!({ "bulletins": ["B-1"] }).to_string();
    let send = |key: &str, body: &str| {
        let request = api.request(Method::POST, "/api/v1/bulletins/stage").header("idempotency-key", key);
        api.send(request.header("content-type", "application/json").body(body.to_owned()))
    };
    let first: Job = send("op-1", &body).await.unwrap().ok();
    done(&api.wait_for_job(first.id).await);
    let again: Job = send("op-1", &body).await.unwrap().ok();
    assert_eq!((again.id, again.state), (first.id, JobState::Done), "the same answer, also after the end");
    let other = send("op-1", &json!({ "bulletins": ["B-2"] }).to_string()).await.unwrap().problem();
    assert_eq!((other.status, other.code.as_str(), other.job), (409, "idempotency-mismatch", Some(first.id)));
    let jobs: Page<Job> = api.get("/api/v1/jobs?kind=stage").await;
    assert_eq!(jobs.items.len(), 1, "{jobs:?}");
    assert_eq!(send("", &body).await.unwrap().problem().code, "bad-request");
    world.server.holds();
}

#[tokio::test]
async fn c_25_an_unfinished_job_is_joined_and_can_be_paused_resumed_and_cancelled() {
    let world = World::patient().await;
    let api = world.server.api();
    world.vendor.set_mood(Mood::Silent);
    let body = json!({ "bulletins": ["B-2"] });
    let first: Job = api.post("/api/v1/bulletins/stage", &body).await;
    let joined: Job = api.post("/api/v1/bulletins/stage", &body).await;
    assert_eq!(first.id, joined.id);
    let path = |verb: &str| format!("/api/v1/jobs/{}/{verb}", first.id);
    let _: Job = api.post(&path("pause"), &json!({})).await;
    until(api, first.id, JobState::Paused).await;
    world.vendor.set_mood(Mood::Up);
    world.vendor.release();
    let _: Job = api.post(&path("resume"), &json!({})).await;
    done(&api.wait_for_job(first.id).await);
    let late = api.call(Method::POST, &path("cancel"), Some(&json!({}))).await.problem();
    assert_eq!(late.code, "conflict", "{}", late.detail);

    world.vendor.set_mood(Mood::Silent);
    let second: Job = api.post("/api/v1/bulletins/stage", &json!({ "bulletins": ["B-3"] })).await;
    let _: Job = api.post(&format!("/api/v1/jobs/{}/cancel", second.id), &json!({})).await;
    assert_eq!(api.wait_for_job(second.id).await.job.state, JobState::Cancelled);
    world.server.holds();
}

async fn until(api: &patchwharf_testkit::server::Client, id: patchwharf_model::JobId, state: JobState) {
    let path = format!("/api/v1/jobs/{id}");
    patchwharf_testkit::eventually_async("the state", patchwharf_testkit::server::DEADLINE, || async {
        let job: JobDetail = api.get(&path).await;
        (job.job.state == state).then_some(())
    })
    .await;
}

#[tokio::test]
async fn events_lead_to_the_end_and_resume_by_their_id() {
    let world = World::new().await;
    let api = world.server.api();
    let job: Job = api.post("/api/v1/bulletins/stage", &json!({ "bulletins": ["B-1", "B-2"] })).await;
    let path = format!("/api/v1/jobs/{}/events", job.id);
    let answer = api.fetch(&path).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let events = events(&answer.text());
    let (last, before) = events.split_last().unwrap();
    assert_eq!(last.0, "end");
    let detail: JobDetail = serde_json::from_str(&last.2).unwrap();
    assert_eq!((detail.job.kind, detail.job.state), (JobKind::Stage, JobState::Done));
    assert!(detail.report.is_some());
    let numbers: Vec<u64> = before
        .iter()
        .map(|(name, _, data)| {
            assert_eq!(name, "progress");
            serde_json::from_str::<JobEvent>(data).unwrap().number
        })
        .collect();
    assert!(numbers.is_sorted() && before.iter().zip(&numbers).all(|(event, n)| event.1 == n.to_string()));

    let resumed = api.request(Method::GET, &path).header("last-event-id", &last.1);
    let resumed = self::events(&api.send(resumed).await.unwrap().text());
    assert_eq!(resumed.len(), 1, "only the end comes again: {resumed:?}");
}

/// Name, id and data of each event.
pub(crate) fn events(text: &str) -> Vec<(String, String, String)> {
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map(|v| v.trim().to_owned()).unwrap_or_default()
    };
    text.split("\n\n")
        .filter(|event| event.contains("data:"))
        .map(|event| (field(event, "event:"), field(event, "id:"), field(event, "data:")))
        .collect()
}

#[tokio::test]
async fn jobs_are_listed_newest_first_by_pages() {
    let world = World::staged().await;
    let api = world.server.api();
    let first: Page<Job> = api.get("/api/v1/jobs?limit=1&state=done").await;
    assert_eq!(first.items[0].kind, JobKind::Stage);
    assert!(!first.items[0].summary.is_empty());
    let next: Page<Job> = api.get(&format!("/api/v1/jobs?limit=1&state=done&cursor={}", first.next.unwrap())).await;
    assert_eq!(next.items[0].kind, JobKind::Import);
}

#[tokio::test]
async fn c_22_a_job_that_the_server_holds_back_says_why_and_goes_on_afterwards() {
    let world = World::new().await;
    let api = world.server.api();
    let (here, away) = (world.server.packages(), world.server.data().join("away"));
    std::fs::rename(&here, &away).unwrap();
    let reason = "is not the package location any more";
    patchwharf_testkit::eventually_async("the server notices", patchwharf_testkit::server::DEADLINE, || async {
        world.server.output().contains(reason).then_some(())
    })
    .await;
    let job: Job = api.post("/api/v1/bulletins/stage", &json!({ "bulletins": ["B-1"] })).await;
    assert!(job.waiting_for.contains(reason), "{job:?}");
    let detail: JobDetail = api.get(&format!("/api/v1/jobs/{}", job.id)).await;
    assert!(detail.job.state == JobState::Queued && detail.job.waiting_for.contains(reason), "{detail:?}");
    let page: Page<Job> = api.get("/api/v1/jobs?state=queued").await;
    assert!(page.items[0].waiting_for.contains(reason), "{page:?}");
    // Who follows it meanwhile is told why it waits, and then what it does.
    let path = format!("/api/v1/jobs/{}/events", job.id);
    let mut answer = api.request(Method::GET, &path).send().await.unwrap();
    let mut text = answer.chunk().await.unwrap().expect("a first event").to_vec();
    std::fs::rename(&away, &here).unwrap();
    while let Some(more) = answer.chunk().await.unwrap() {
        text.extend(more);
    }
    let events = events(std::str::from_utf8(&text).unwrap());
    let first: JobEvent = serde_json::from_str(&events[0].2).unwrap();
    assert!(first.state == JobState::Queued && first.waiting_for.contains(reason), "{first:?}");
    done(&api.wait_for_job(job.id).await);
    world.server.holds();
}
