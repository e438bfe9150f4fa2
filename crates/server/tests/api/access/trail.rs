//! The audit trail says who, whence and by what.

use patchwharf_model::api::{AuditEntry, Me, NewToken, Page};
use patchwharf_testkit::{Server, server::Client};
use reqwest::Method;
use serde_json::json;

use super::{Browser, account, first_administrator};
use crate::world::BINARY;

async fn trail(server: &Server, action: &str) -> Vec<AuditEntry> {
    server.api().get::<Page<AuditEntry>>(&format!("/api/v1/audit?limit=100&action={action}")).await.items
}

#[tokio::test]
async fn each_change_says_who_whence_and_by_what() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let me: Me = anna.call(Method::GET, "/api/v1/session", None).await.ok();
    let made: NewToken = anna.call(Method::POST, "/api/v1/tokens", Some(&json!({ "name": "script" }))).await.ok();
    let script = Client::new(&server.url(""), &made.secret);
    let (path, value) = ("/api/v1/settings/integrity.light-every", |span: &str| json!({ "value": span }));
    assert_eq!(anna.call(Method::PUT, path, Some(&value("2h"))).await.status, 200);
    assert_eq!(script.call(Method::PUT, path, Some(&value("3h"))).await.status, 200);
    assert_eq!(server.api().call(Method::PUT, path, Some(&value("4h"))).await.status, 200);
    let set = trail(&server, "setting").await;
    let by: Vec<(&str, &str)> = set.iter().take(3).map(|e| (e.actor.as_str(), e.source.as_str())).collect();
    let session = format!("api 127.0.0.1 session {}", me.session.unwrap());
    let token = format!("api 127.0.0.1 token {}", made.token.id);
    assert_eq!(by, [("admin", "api 127.0.0.1 data folder"), ("anna", &token), ("anna", &session)]);

    let _ = account(&server, "otto", "operator").await;
    let role = json!({ "role": "auditor" });
    assert_eq!(anna.call(Method::PATCH, "/api/v1/accounts/otto", Some(&role)).await.status, 200);
    let changed = trail(&server, "account.role").await;
    let words = (changed[0].before.as_deref(), changed[0].after.as_deref());
    assert_eq!(words, (Some("otto: operator"), Some("otto: auditor")));
    assert_eq!(trail(&server, "account.password").await[0].after.as_deref(), Some("otto"));
    // A job, too: who ordered it, and from where.
    let job = anna.call(Method::POST, "/api/v1/store/reconcile", Some(&json!({}))).await;
    assert_eq!(job.status, 202, "{}", job.text());
    let all: Page<AuditEntry> = server.api().get("/api/v1/audit?limit=100").await;
    assert!(
        all.items.iter().any(|e| e.action.starts_with("job") && e.actor == "anna" && e.source == session),
        "{all:#?}"
    );
}

#[tokio::test]
async fn w_05_w_09_guesses_and_other_sites_are_on_the_trail_without_flooding_it() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let mut stranger = Browser::new(&server);
    for _ in 0..5 {
        assert_eq!(stranger.sign_in("anna", "wrong").await.status, 401);
    }
    let _ = stranger.sign_in("a password typed as a name", "wrong").await;
    let failed = trail(&server, "sign-in.failed").await;
    let told: Vec<&str> = failed.iter().rev().filter_map(|entry| entry.after.as_deref()).collect();
    assert_eq!(told, ["anna: 1 failure of late", "anna: 2 failures of late", "anna: 4 failures of late"]);
    assert!(failed.iter().all(|e| e.actor == "nobody" && e.source == "sign-in 127.0.0.1"), "{failed:#?}");
    let all = server.api().fetch("/api/v1/audit?limit=100").await.text();
    let log = server.api().fetch("/api/v1/logs?limit=1000").await.text();
    assert!(!all.contains("typed as a name") && !log.contains("typed as a name"));

    let wish = json!({ "name": "evil", "role": "administrator" });
    for _ in 0..20 {
        let headers = [("sec-fetch-site", "cross-site")];
        assert_eq!(anna.send(Method::POST, "/api/v1/accounts", Some(&wish), &headers).await.status, 403);
    }
    let refused = trail(&server, "session.cross-site").await;
    assert!((1..=5).contains(&refused.len()), "{refused:#?}");
    assert!(refused.iter().all(|e| e.actor == "anna" && e.after.as_deref().unwrap().contains("POST /api/v1/accounts")));
}
