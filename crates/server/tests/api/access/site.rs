//! Requests that come from pages of others.

use patchwharf_model::api::{Account, LogRecord, Page};
use patchwharf_testkit::{Server, eventually_async, server::DEADLINE};
use reqwest::Method;
use serde_json::json;

use super::{Browser, PASSWORD, first_administrator, port};
use crate::{
    auth::{operations, raw},
    world::BINARY,
};

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
    let accounts: Page<Account> = server.api().get("/api/v1/accounts").await;
    assert_eq!(accounts.items.len(), 1);
    let sign_in = json!({ "name": "anna", "password": PASSWORD });
    let headers = [("sec-fetch-site", "cross-site")];
    let refused = Browser::new(&server).send(Method::POST, "/api/v1/session", Some(&sign_in), &headers).await;
    assert_eq!(refused.problem().code, "cross-site", "nobody is signed in by another site");
    for told in ["a change that another site asked for", "a sign-in that another site asked for"] {
        eventually_async(told, DEADLINE, || async {
            let page: Page<LogRecord> = server.api().get("/api/v1/logs?level=warn&limit=1000").await;
            page.items.into_iter().find(|record| record.message.contains(told))
        })
        .await;
    }
}

#[tokio::test]
async fn w_09_every_change_is_refused_in_the_same_words() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let doors = ["/api/v1/session/link", "/api/v1/session/set-up"];
    let is_door =
        |method: &Method, path: &str| doors.contains(&path) || (path == "/api/v1/session" && method == Method::POST);
    let mut tried = 0;
    for (method, path) in operations() {
        if method == Method::GET || is_door(&method, &path) {
            continue;
        }
        for headers in [[("sec-fetch-site", "cross-site")], [("origin", "https://evil.example")]] {
            let refused = anna.send(method.clone(), &path, Some(&json!({})), &headers).await.problem();
            assert_eq!((refused.status, refused.code.as_str()), (403, "cross-site"), "{method} {path} {headers:?}");
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
    let secret = json!({ "link": "x" });
    let set_up = json!({ "link": "x", "password": PASSWORD });
    for (path, body) in doors.into_iter().zip([secret, set_up]) {
        let refused =
            Browser::new(&server).send(Method::POST, path, Some(&body), &[("origin", "null")]).await.problem();
        assert_eq!((refused.status, refused.code.as_str()), (403, "cross-site"), "{path}");
    }
}

#[tokio::test]
async fn w_09_an_origin_is_believed_only_for_a_host_of_ours() {
    let server = Server::start(BINARY).await;
    let anna = first_administrator(&server).await;
    let (cookie, port) = (anna.cookies.join("; "), port(&server));
    let sign_out = |host: &str, origin: &str| {
        let head = format!("DELETE /api/v1/session HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nCookie: {cookie}");
        raw(port, &format!("{head}\r\nConnection: close\r\n\r\n"))
    };
    assert_eq!(sign_out("evil.example", "http://evil.example"), 403);
    assert_eq!(sign_out(&format!("evil.example:{port}"), &format!("http://evil.example:{port}")), 403);
    assert_eq!(sign_out(&format!("127.0.0.1:{port}"), &format!("http://127.0.0.1:{port}")), 204);
}

#[tokio::test]
async fn what_is_open_to_this_machine_is_not_open_to_pages_of_others_in_its_browser() {
    let server = Server::start(BINARY).await;
    let ask =
        |host: &str| raw(port(&server), &format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    assert_eq!((ask("localhost"), ask("127.0.0.1:1"), ask("[::1]:1")), (200, 200, 200));
    assert_eq!((ask("evil.example"), ask("localhost.evil.example:1"), ask("192.0.2.1")), (401, 401, 401));
}
