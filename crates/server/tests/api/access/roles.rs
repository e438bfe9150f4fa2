//! What each role may do.

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
    let looks = ["/preview"];
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
        let stages = ["/bulletins/", "/import", "/jobs/", "/packages/verify", "/policies", "/store/revise"]
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
