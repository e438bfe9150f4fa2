//! Sessions: what begins them, and what ends them.

use patchwharf_model::api::Account;
use patchwharf_testkit::Server;
use reqwest::Method;
use serde_json::json;

use super::{Browser, PASSWORD, account, first_administrator};
use crate::world::BINARY;

#[tokio::test]
async fn w_08_a_session_is_new_each_time_and_dead_after_sign_out_or_a_change() {
    let server = Server::start(BINARY).await;
    let mut browser = first_administrator(&server).await;
    let planted = format!("patchwharf={}", "a".repeat(43));
    browser.cookies = vec![planted.clone()];
    let answer = browser.sign_in("anna", PASSWORD).await;
    let cookie =
        answer.headers.iter().find(|(n, v)| n == "set-cookie" && v.starts_with("patchwharf=")).unwrap().1.clone();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"), "{cookie}");
    assert!(!cookie.contains(&planted), "a session that somebody planted is not taken over");
    let mut thief = Browser { client: browser.client.clone(), cookies: browser.cookies.clone() };
    assert_eq!(thief.call(Method::GET, "/api/v1/session", None).await.status, 200);
    assert_eq!(browser.call(Method::DELETE, "/api/v1/session", None).await.status, 204);
    assert_eq!(thief.call(Method::GET, "/api/v1/session", None).await.status, 401, "dead on the server, too");

    let mut operator = account(&server, "otto", "operator").await;
    assert_eq!(operator.call(Method::GET, "/api/v1/jobs", None).await.status, 200);
    let _: Account =
        server.api().call(Method::PATCH, "/api/v1/accounts/otto", Some(&json!({ "role": "auditor" }))).await.ok();
    assert_eq!(operator.call(Method::GET, "/api/v1/jobs", None).await.status, 401);
    assert_eq!(operator.sign_in("otto", PASSWORD).await.status, 200);
    let _: Account =
        server.api().call(Method::PATCH, "/api/v1/accounts/otto", Some(&json!({ "enabled": false }))).await.ok();
    assert_eq!(operator.call(Method::GET, "/api/v1/jobs", None).await.status, 401);
    assert_eq!(operator.sign_in("otto", PASSWORD).await.problem().code, "sign-in-failed");
}
