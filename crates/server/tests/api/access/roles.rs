//! What each role may do.

use patchwharf_model::api::Job;
use patchwharf_testkit::Server;
use reqwest::Method;
use serde_json::json;

use super::{account, pages};
use crate::{auth::operations, world::BINARY};

#[tokio::test]
async fn w_02_each_role_may_do_what_its_rule_says() {
    let server = Server::start(BINARY).await;
    let mut auditor = account(&server, "aud", "auditor").await;
    let mut operator = account(&server, "ope", "operator").await;
    let own = ["/api/v1/session", "/api/v1/tokens", "/api/v1/views"];
    let looks = ["/bulletins/preview", "/prune/preview", "/packages/delete/preview"];
    for (method, path) in operations() {
        if path == "/api/v1/logs/events" || own.iter().any(|own| path.starts_with(own)) {
            continue;
        }
        let reads = method == Method::GET || looks.iter().any(|end| path.ends_with(end));
        let answer = auditor.call(method.clone(), &path, Some(&json!({}))).await;
        let for_administrators = path.starts_with("/api/v1/accounts");
        assert_eq!(answer.status == 403, !reads || for_administrators, "auditor: {method} {path}: {}", answer.text());
        let answer = operator.call(method.clone(), &path, Some(&json!({ "no-such-field": 1 }))).await;
        let refused = answer.status == 403;
        let stages =
            ["/bulletins/", "/import", "/jobs/", "/packages/verify", "/policies", "/store/revise", "/store/download"]
                .iter()
                .any(|part| path.contains(part));
        let allowed = reads && !for_administrators || stages && method != Method::DELETE;
        assert_eq!(refused, !allowed, "operator: {method} {path}: {}", answer.text());
    }
}

#[tokio::test]
async fn w_02_each_role_reads_every_page_and_changes_nothing_by_one() {
    let server = Server::start(BINARY).await;
    for role in ["auditor", "operator", "administrator"] {
        let mut browser = account(&server, role, role).await;
        for page in pages() {
            let status = browser.call(Method::GET, &page, None).await.status;
            let names_one = page.contains("0190c2a4");
            assert_eq!(status, if names_one { 404 } else { 200 }, "{role}: {page}");
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let status = browser.call(method.clone(), &page, Some(&json!({}))).await.status;
                assert!(matches!(status, 403 | 405), "{role}: {method} {page}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn w_02_who_may_start_a_job_may_stop_it_and_no_other() {
    let server = Server::start(BINARY).await;
    let mut operator = account(&server, "ope", "operator").await;
    let folder = tempfile::tempdir().unwrap();
    let wish = json!({ "folder": folder.path(), "plain": true });
    let backup: Job = server.api().post("/api/v1/backups", &wish).await;
    let own: Job = operator.call(Method::POST, "/api/v1/store/revise", Some(&json!({ "dry_run": true }))).await.ok();
    for verb in ["pause", "resume", "cancel"] {
        let path = |job: &Job| format!("/api/v1/jobs/{}/{verb}", job.id);
        let refused = operator.call(Method::POST, &path(&backup), Some(&json!({}))).await.problem();
        assert_eq!((refused.status, refused.code.as_str()), (403, "forbidden"), "{verb} a backup");
        let answer = operator.call(Method::POST, &path(&own), Some(&json!({}))).await;
        assert_ne!(answer.status, 403, "{verb} what operators start");
    }
    let shrink = json!({ "confirm_shrink": true });
    let refused = operator.call(Method::POST, "/api/v1/feeds/vendor/import", Some(&shrink)).await;
    assert_eq!(refused.status, 403, "a catalogue that has lost much of itself is an administrator's");
    let allowed = operator.call(Method::POST, "/api/v1/feeds/vendor/import", Some(&json!({}))).await;
    assert_eq!(allowed.status, 404, "there is no such feed");
}

#[tokio::test]
async fn w_17_the_whole_trail_is_read_once_at_a_time_whoever_asks_how_often() {
    let server = Server::start(BINARY).await;
    let auditor = account(&server, "aud", "auditor").await;
    let asked = (0..100).map(|_| {
        let mut browser = auditor.copy();
        async move { browser.call(Method::GET, "/api/v1/audit/chain", None).await }
    });
    let answers = futures_util::future::join_all(asked).await;
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(answers.iter().any(|answer| answer.status == 200), "nobody got it");
    assert!(!busy.is_empty() && busy.iter().all(|answer| answer.header("retry-after").is_some()), "{}", busy.len());
}
