//! Personal tokens.

use patchwharf_model::api::{Account, Link, Me, NewToken, Page, SignedOut, Token};
use patchwharf_testkit::{Server, server::Client};
use reqwest::Method;
use serde_json::json;

use super::{Browser, PASSWORD, account, change, first_administrator};
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

#[tokio::test]
async fn w_21_a_token_makes_itself_no_longer_and_no_wider() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let made: NewToken = anna.call(Method::POST, "/api/v1/tokens", Some(&json!({ "name": "script" }))).await.ok();
    let script = Client::new(&server.url(""), &made.secret);
    let (token, session) =
        (format!("/api/v1/tokens/{}", made.token.id), "/api/v1/sessions/0190c2a4-9d0a-7d6b-8f00-000000000000");
    for (method, path, body) in [
        (Method::GET, "/api/v1/tokens", json!(null)),
        (Method::POST, "/api/v1/tokens", json!({ "name": "another", "days": 366 })),
        (Method::DELETE, token.as_str(), json!(null)),
        (Method::GET, "/api/v1/sessions", json!(null)),
        (Method::DELETE, session, json!(null)),
        (Method::DELETE, "/api/v1/session?everywhere=true", json!(null)),
        (Method::POST, "/api/v1/session/confirm", json!({ "password": PASSWORD })),
        (
            Method::PUT,
            "/api/v1/session/password",
            json!({ "current": PASSWORD, "new": "five rather long other words" }),
        ),
        (Method::POST, "/api/v1/accounts", json!({ "name": "eve", "role": "administrator" })),
        (Method::PATCH, "/api/v1/accounts/anna", json!({ "role": "auditor" })),
        (Method::POST, "/api/v1/accounts/anna/link", json!({})),
        (Method::POST, "/api/v1/accounts/anna/sign-out", json!({})),
        (Method::DELETE, "/api/v1/accounts/anna", json!(null)),
    ] {
        let body = (!body.is_null()).then_some(&body);
        let refused = script.call(method.clone(), path, body).await.problem();
        assert_eq!((refused.status, refused.code.as_str()), (403, "forbidden"), "{method} {path}");
    }
    let _: Page<Account> = script.get("/api/v1/accounts").await;
    assert_eq!(anna.call(Method::GET, "/api/v1/session", None).await.status, 200, "and ends no session");
}

#[tokio::test]
async fn w_21_a_token_ends_on_its_day() {
    let server = Server::start(BINARY).await;
    let mut otto = account(&server, "otto", "operator").await;
    let wish = json!({ "name": "script", "days": 1 });
    let made: NewToken = otto.call(Method::POST, "/api/v1/tokens", Some(&wish)).await.ok();
    let script = Client::new(&server.url(""), &made.secret);
    change(&server, "UPDATE api_token SET expires_at = expires_at - 86000 * CAST(1000000 AS INTEGER)").await;
    assert_eq!(script.fetch("/api/v1/jobs").await.status, 200);
    change(&server, "UPDATE api_token SET expires_at = expires_at - 400 * 1000000").await;
    assert_eq!(script.fetch("/api/v1/jobs").await.status, 401);
    let listed: Page<Token> = otto.call(Method::GET, "/api/v1/tokens", None).await.ok();
    assert!(listed.items.is_empty());
}

#[tokio::test]
async fn w_21_what_was_stolen_goes_with_a_reset_or_a_sign_out() {
    let server = Server::start(BINARY).await;
    let mut otto = account(&server, "otto", "operator").await;
    let make = async |browser: &mut Browser| {
        let made: NewToken =
            browser.call(Method::POST, "/api/v1/tokens", Some(&json!({ "name": "script" }))).await.ok();
        Client::new(&server.url(""), &made.secret)
    };
    let stolen = make(&mut otto).await;
    assert_eq!(stolen.fetch("/api/v1/jobs").await.status, 200);
    let link: Link = server.api().post("/api/v1/accounts/otto/link", &json!({})).await;
    let wish = json!({ "link": link.path.rsplit('#').next().unwrap(), "password": PASSWORD });
    let mut owner = Browser::new(&server);
    assert_eq!(owner.call(Method::POST, "/api/v1/session/set-up", Some(&wish)).await.status, 200);
    assert_eq!(stolen.fetch("/api/v1/jobs").await.status, 401, "a new password by a link takes tokens back");
    assert_eq!(otto.call(Method::GET, "/api/v1/session", None).await.status, 401);

    let stolen = make(&mut owner).await;
    let mut anna = account(&server, "anna", "administrator").await;
    let ended = anna.call(Method::POST, "/api/v1/accounts/otto/sign-out", Some(&json!({}))).await;
    assert_eq!(ended.ok::<SignedOut>(), SignedOut { sessions: 1, tokens: 1 });
    assert_eq!(stolen.fetch("/api/v1/jobs").await.status, 401);
    assert_eq!(owner.call(Method::GET, "/api/v1/session", None).await.status, 401);
    assert_eq!(owner.sign_in("otto", PASSWORD).await.status, 200, "the password stays");
    let run = server.patchwharf(&["user", "sign-out", "otto"]);
    assert!(run.code == Some(0) && run.stderr.contains("1 session and 0 tokens"), "{run:?}");
}

#[tokio::test]
async fn the_command_line_makes_the_first_token_of_an_account() {
    let server = Server::start(BINARY).await;
    let mut otto = account(&server, "otto", "operator").await;
    let run = server.patchwharf(&["token", "create", "script", "--account", "otto", "--role", "auditor"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let me: Me = Client::new(&server.url(""), run.stdout.trim()).get("/api/v1/session").await;
    assert_eq!((me.name.as_str(), me.role.as_str()), ("otto", "auditor"));
    let run = server.patchwharf(&["token", "list", "--account", "otto"]);
    assert!(run.code == Some(0) && run.stdout.contains("script"), "{run:?}");
    let above = server.patchwharf(&["token", "create", "more", "--account", "otto", "--role", "administrator"]);
    assert!(above.code != Some(0) && above.stderr.contains("at most operator"), "{above:?}");
    let others = json!({ "name": "script", "account": "otto" });
    let mut anna = account(&server, "anna", "administrator").await;
    assert_eq!(anna.call(Method::POST, "/api/v1/tokens", Some(&others)).await.problem().code, "forbidden");
    let none = server.api().call(Method::POST, "/api/v1/tokens", Some(&json!({ "name": "script" }))).await.problem();
    assert!(none.detail.contains("--account"), "{none:?}");
    let mine: Page<Token> = otto.call(Method::GET, "/api/v1/tokens", None).await.ok();
    let id = mine.items[0].id.to_string();
    let run = server.patchwharf(&["token", "revoke", &id]);
    assert_eq!(run.code, Some(0), "{run:?}");
}
