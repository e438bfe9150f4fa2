//! Personal tokens.

use patchwharf_model::api::{Me, NewToken};
use patchwharf_testkit::{Server, server::Client};
use reqwest::Method;
use serde_json::json;

use super::account;
use crate::world::BINARY;

#[tokio::test]
async fn w_21_a_token_has_its_scope_and_its_end() {
    let server = Server::start(BINARY).await;
    let mut browser = account(&server, "otto", "operator").await;
    let above = json!({ "name": "script", "role": "administrator" });
    assert_eq!(browser.call(Method::POST, "/api/v1/tokens", Some(&above)).await.problem().code, "forbidden");
    for bad in [json!({ "name": "" }), json!({ "name": "x", "days": 0 }), json!({ "name": "x", "days": 367 })] {
        assert_eq!(
            browser.call(Method::POST, "/api/v1/tokens", Some(&bad)).await.problem().code,
            "invalid-body",
            "{bad}"
        );
    }
    let made: NewToken =
        browser.call(Method::POST, "/api/v1/tokens", Some(&json!({ "name": "script", "role": "auditor" }))).await.ok();
    let script = Client::new(&server.url(""), &made.secret);
    let me: Me = script.get("/api/v1/session").await;
    assert_eq!((me.name.as_str(), me.role.as_str(), me.session), ("otto", "auditor", None));
    let stage = json!({ "bulletins": ["x"] });
    let refused = script.call(Method::POST, "/api/v1/bulletins/stage", Some(&stage)).await.problem();
    assert_eq!(refused.code, "forbidden");
    let listed = browser.call(Method::GET, "/api/v1/tokens", None).await;
    assert!(!listed.text().contains(&made.secret));
    let path = format!("/api/v1/tokens/{}", made.token.id);
    let mut other = account(&server, "eve", "administrator").await;
    assert_eq!(other.call(Method::DELETE, &path, None).await.status, 404, "another's token is not there");
    assert_eq!(browser.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(script.fetch("/api/v1/session").await.status, 401);
}
