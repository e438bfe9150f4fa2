//! The same server on PostgreSQL.

use patchwharf_model::{
    api::{AuditEntry, BulletinSummary, Job, LogRecord, Page, Settings},
    job::JobState,
};
use patchwharf_testkit::{
    Server, eventually_async,
    server::{DEADLINE, Setup},
};
use serde_json::json;

use crate::world::{BINARY, World, done};

#[tokio::test]
async fn every_list_and_the_main_job_go_on_postgresql_too() {
    if !Setup::postgres_at_hand() {
        patchwharf_testkit::skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
        return;
    }
    let world = World::on(Server::setup(BINARY).on_postgres().start().await).await;
    let api = world.server.api();
    let settings: Settings = api.get("/api/v1/settings").await;
    assert_eq!(settings.database, "postgres");
    world.stage(&["B-1", "B-2"]).await;
    let wish = json!({ "name": "servers", "of": { "bulletins": ["B-1", "B-2"] }, "enabled": true });
    let _: serde_json::Value = api.post("/api/v1/policies", &wish).await;

    let address = world.address("B-1", "file-0.exe").await;
    assert_eq!(api.fetch(&address).await.body, world.files[0].bytes);
    std::fs::write(world.on_disk(&address), vec![7; 20_000]).unwrap();
    let verify = api.run_job("/api/v1/packages/verify", &json!({ "all": true })).await;
    assert_eq!(verify.job.state, JobState::Failed);
    let refresh = json!({ "of": { "filter": { "state": "damaged" } } });
    done(&api.run_job("/api/v1/bulletins/refresh", &refresh).await);
    assert_eq!(api.fetch(&world.address("B-1", "file-0.exe").await).await.body, world.files[0].bytes);

    for sort in
        ["name", "severity", "released", "revised", "updates", "packages", "bad-packages", "policies", "oldest-proof"]
    {
        for order in ["ascending", "descending"] {
            let mut path = format!("/api/v1/bulletins?sort={sort}&order={order}&limit=1");
            let mut seen = Vec::new();
            loop {
                let page: Page<BulletinSummary> = api.get(&path).await;
                seen.extend(page.items.into_iter().map(|row| row.name));
                let Some(next) = page.next else { break };
                path = format!("/api/v1/bulletins?sort={sort}&order={order}&limit=1&cursor={next}");
            }
            seen.sort();
            assert_eq!(seen, ["B-1", "B-2", "B-3"], "{sort} {order}");
        }
    }
    for sort in ["created", "since", "size", "verified"] {
        let page: Page<serde_json::Value> = api.get(&format!("/api/v1/packages?sort={sort}&text=b-1")).await;
        assert_eq!(page.items.len(), 1, "{sort}");
    }
    let text: Page<BulletinSummary> = api.get("/api/v1/bulletins?text=CVE-2026-0002%20hole").await;
    assert_eq!(text.items.len(), 1);
    let jobs: Page<Job> = api.get("/api/v1/jobs?limit=2").await;
    assert!(jobs.items.len() == 2 && jobs.next.is_some());
    let audit: Page<AuditEntry> = api.get("/api/v1/audit?limit=5").await;
    assert_eq!(audit.items.len(), 5);
    eventually_async("log records", DEADLINE, || async {
        let records: Page<LogRecord> = api.get("/api/v1/logs?level=info").await;
        (!records.items.is_empty()).then_some(())
    })
    .await;
}
