//! Requests that come from pages of others.

use patchwharf_model::api::{Account, Page};
use patchwharf_testkit::Server;
use reqwest::Method;
use serde_json::json;

use super::{Browser, PASSWORD, first_administrator};
use crate::{auth::operations, world::BINARY};

#[tokio::test]
async fn w_09_another_site_changes_nothing() {
    let server = Server::start(BINARY).await;
    let mut browser = first_administrator(&server).await;
    let wish = json!({ "name": "evil", "role": "administrator" });
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[],
    ] {
        let problem = browser.send(Method::POST, "/api/v1/accounts", Some(&wish), headers).await.problem();
        assert_eq!(problem.code, "cross-site", "{headers:?}");
    }
    for (method, path) in operations().into_iter().filter(|(method, _)| *method != Method::GET) {
        let answer = browser.send(method.clone(), &path, Some(&json!({})), &[("sec-fetch-site", "cross-site")]).await;
        assert!(answer.status >= 400, "{method} {path}: {}", answer.status);
    }
    let accounts: Page<Account> = server.api().get("/api/v1/accounts").await;
    assert_eq!(accounts.items.len(), 1);
    let sign_in = json!({ "name": "anna", "password": PASSWORD });
    let headers = [("sec-fetch-site", "cross-site")];
    let refused = Browser::new(&server).send(Method::POST, "/api/v1/session", Some(&sign_in), &headers).await;
    assert_eq!(refused.problem().code, "cross-site", "nobody is signed in by another site");
}
