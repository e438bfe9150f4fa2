//! Sessions: what begins them, and what ends them.

use patchwharf_model::api::{Account, AuditEntry, Me, Page, Session};
use patchwharf_testkit::{Server, server::TEST_CONFIG};
use reqwest::Method;
use serde_json::json;

use super::{Browser, PASSWORD, account, change, first_administrator, first_link};
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
    let mut thief = browser.copy();
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

#[tokio::test]
async fn w_08_a_new_password_ends_the_other_sessions_at_once() {
    let server = Server::start(BINARY).await;
    let mut browser = first_administrator(&server).await;
    let mut thief = Browser::new(&server);
    assert_eq!(thief.sign_in("anna", PASSWORD).await.status, 200);
    let mut copy = browser.copy();
    assert_eq!(copy.call(Method::GET, "/api/v1/session", None).await.status, 200);
    let change = json!({ "current": PASSWORD, "new": "five rather long other words" });
    assert_eq!(browser.call(Method::PUT, "/api/v1/session/password", Some(&change)).await.status, 204);
    assert_eq!(thief.call(Method::GET, "/api/v1/session", None).await.status, 401);
    assert_eq!(
        copy.call(Method::GET, "/api/v1/session", None).await.status,
        401,
        "whoever has copied the cookie is out"
    );
    assert_eq!(browser.call(Method::GET, "/api/v1/session", None).await.status, 200, "the browser goes on");
    let known: Page<Session> = browser.call(Method::GET, "/api/v1/sessions", None).await.ok();
    assert!(known.items.len() == 1 && known.items[0].own, "{known:?}");
    // And it is a browser that the account is known by: strangers do not slow it down (W-06).
    while thief.sign_in("anna", "wrong").await.status != 429 {}
    assert_eq!(browser.sign_in("anna", "five rather long other words").await.status, 200);
    browser.cookies.retain(|cookie| cookie.starts_with("patchwharf-device="));
    assert_eq!(browser.sign_in("anna", PASSWORD).await.status, 401, "the old password is dead");
}

#[tokio::test]
async fn w_08_a_session_ends_unused_and_at_last_whatever_happens() {
    let server = Server::start(BINARY).await;
    let mut browser = first_administrator(&server).await;
    let mut alive = async |server: &Server| {
        let status = browser.call(Method::GET, "/api/v1/session", None).await.status;
        if status == 401 {
            browser = Browser::new(server);
            assert_eq!(browser.sign_in("anna", PASSWORD).await.status, 200);
        }
        status
    };
    change(&server, "UPDATE session SET seen_at = seen_at - 7100 * 1000000").await;
    assert_eq!(alive(&server).await, 200, "used within two hours");
    change(&server, "UPDATE session SET seen_at = seen_at - 7201 * 1000000").await;
    assert_eq!(alive(&server).await, 401, "not used for two hours");
    change(&server, "UPDATE session SET created_at = created_at - 43100 * CAST(1000000 AS INTEGER)").await;
    assert_eq!(alive(&server).await, 200);
    change(&server, "UPDATE session SET created_at = created_at - 200 * 1000000").await;
    assert_eq!(alive(&server).await, 401, "twelve hours after it began");
}

#[tokio::test]
async fn w_08_a_page_that_looks_again_by_itself_keeps_no_session_alive() {
    let server = Server::start(BINARY).await;
    let mut browser = first_administrator(&server).await;
    let mut other = Browser::new(&server);
    assert_eq!(other.sign_in("anna", PASSWORD).await.status, 200);
    let began = other.call(Method::GET, "/api/v1/session", None).await.ok::<Me>().session;
    let mut seen = async || {
        let sessions: Page<Session> = browser.call(Method::GET, "/api/v1/sessions", None).await.ok();
        sessions.items.into_iter().find(|session| Some(session.id) == began).unwrap().seen_at
    };
    change(&server, "UPDATE session SET seen_at = seen_at - 600 * 1000000").await;
    let before = seen().await;
    for headers in [[("x-patchwharf-poll", "1")], [("accept", "text/event-stream")]] {
        assert_eq!(other.send(Method::GET, "/console/bulletins", None, &headers).await.status, 200);
        assert_eq!(seen().await, before, "{headers:?}");
    }
    assert_eq!(other.call(Method::GET, "/console/bulletins", None).await.status, 200);
    assert!(seen().await > before, "somebody has opened a page");
}

#[tokio::test]
async fn w_08_behind_tls_cookies_are_bound_to_it() {
    let server = Server::setup(BINARY).config(&format!("{TEST_CONFIG}\n[console]\nbehind-tls = true\n")).start().await;
    let mut browser = Browser::new(&server);
    let wish = json!({ "link": first_link(&server), "name": "anna", "password": PASSWORD });
    let answer = browser.call(Method::POST, "/api/v1/session/set-up", Some(&wish)).await;
    assert_eq!(answer.status, 200);
    let cookies: Vec<&str> =
        answer.headers.iter().filter(|(n, _)| n == "set-cookie").map(|(_, v)| v.as_str()).collect();
    assert_eq!(cookies.len(), 2);
    for cookie in cookies {
        assert!(cookie.starts_with("__Host-patchwharf") && cookie.contains("; Secure"), "{cookie}");
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("Domain"),
            "{cookie}"
        );
    }
    let plain = browser.cookies.iter().map(|cookie| cookie.replacen("__Host-", "", 1)).collect();
    let mut planted = Browser { client: browser.client.clone(), cookies: plain };
    assert_eq!(planted.call(Method::GET, "/api/v1/session", None).await.status, 401);
    assert_eq!(browser.client.fetch("/metrics").await.status, 401, "nothing is local behind a proxy");
}

#[tokio::test]
async fn w_02_everybody_ends_their_own_sessions_and_nobody_elses() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let mut otto = account(&server, "otto", "operator").await;
    let session = |me: Me| me.session.unwrap();
    let annas = session(anna.call(Method::GET, "/api/v1/session", None).await.ok());
    let ottos = session(otto.call(Method::GET, "/api/v1/session", None).await.ok());
    for (who, others) in [(&mut otto, annas), (&mut anna, ottos)] {
        let refused = who.call(Method::DELETE, &format!("/api/v1/sessions/{others}"), None).await.problem();
        assert_eq!((refused.status, refused.code.as_str()), (404, "not-found"), "an administrator, too");
    }
    let trail: Page<AuditEntry> = server.api().get("/api/v1/audit?action=session.end").await;
    assert!(trail.items.is_empty(), "{trail:?}");
    let mut second = Browser::new(&server);
    assert_eq!(second.sign_in("anna", PASSWORD).await.status, 200);
    let seconds = session(second.call(Method::GET, "/api/v1/session", None).await.ok());
    assert_eq!(anna.call(Method::DELETE, &format!("/api/v1/sessions/{seconds}"), None).await.status, 204);
    assert_eq!(second.call(Method::GET, "/api/v1/session", None).await.status, 401, "it is over at once");
    for who in [&mut anna, &mut otto] {
        assert_eq!(who.call(Method::GET, "/api/v1/session", None).await.status, 200);
    }
    let refused = otto.call(Method::GET, "/api/v1/tokens?account=anna", None).await.problem();
    assert_eq!((refused.status, refused.code.as_str()), (403, "forbidden"), "whose tokens there are is theirs, too");
    assert_eq!(otto.call(Method::GET, "/api/v1/tokens?account=otto", None).await.status, 200);
}
