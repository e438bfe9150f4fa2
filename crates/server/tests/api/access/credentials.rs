//! Credentials that are none: of nobody, over, of another server, or no credentials at all.

use patchwharf_model::api::NewToken;
use patchwharf_testkit::{Server, server::Client};
use reqwest::Method;
use serde_json::json;

use super::{Browser, account, change, first_administrator, is_open, pages, port};
use crate::{
    auth::{operations, raw},
    world::BINARY,
};

/// Headers of somebody who was let in once, or elsewhere.
async fn outdated(server: &Server) -> Vec<(&'static str, String)> {
    let elsewhere = Server::start(BINARY).await;
    let cookie = |browser: &Browser| ("Cookie", browser.cookies.join("; "));
    let token = |made: &NewToken| ("Authorization", format!("Bearer {}", made.secret));
    let make = json!({ "name": "script", "days": 1 });
    let mut foreign = first_administrator(&elsewhere).await;
    let of_others: NewToken = foreign.call(Method::POST, "/api/v1/tokens", Some(&make)).await.ok();
    let owner = std::fs::read_to_string(elsewhere.data().join("admin.token")).unwrap();
    let mut found = vec![cookie(&foreign), token(&of_others), ("Authorization", format!("Bearer {}", owner.trim()))];

    let mut anna = first_administrator(server).await;
    let expired: NewToken = anna.call(Method::POST, "/api/v1/tokens", Some(&make)).await.ok();
    found.extend([cookie(&anna), token(&expired)]);
    change(server, "UPDATE session SET seen_at = seen_at - 7201 * 1000000").await;
    change(server, "UPDATE api_token SET expires_at = expires_at - 86401 * CAST(1000000 AS INTEGER)").await;
    let mut otto = account(server, "otto", "administrator").await;
    found.push(cookie(&otto));
    assert_eq!(otto.call(Method::DELETE, "/api/v1/session", None).await.status, 204);
    found
}

#[tokio::test]
async fn w_01_no_route_lets_anybody_in_with_what_is_over_or_another_servers() {
    let server = Server::start(BINARY).await;
    let outdated = outdated(&server).await;
    let doors = ["/healthz", "/metrics", "/api/v1/session/link", "/api/v1/session/set-up"];
    let anonymous = Client::anonymous(&server.url(""));
    for (method, path) in operations() {
        if doors.contains(&path.as_str()) || (path == "/api/v1/session" && method == Method::POST) {
            continue;
        }
        for (name, value) in &outdated {
            let request =
                anonymous.request(method.clone(), &path).header(*name, value).header("sec-fetch-site", "same-origin");
            let refused = anonymous.send(request).await.unwrap().problem();
            assert_eq!((refused.status, refused.code.as_str()), (401, "unauthorized"), "{method} {path} {name}");
        }
    }
    let nothing = [("X-Nothing", String::new())];
    for page in pages() {
        for (name, value) in outdated.iter().chain(&nothing) {
            let ask = format!("GET {page} HTTP/1.1\r\nHost: localhost\r\n{name}: {value}\r\nConnection: close\r\n\r\n");
            let status = raw(port(&server), &ask);
            let wanted: &[u16] = if is_open(&page) { &[200, 404] } else { &[303] };
            assert!(wanted.contains(&status), "{page} {name}: {status}");
        }
    }
}

#[tokio::test]
async fn w_03_odd_spellings_of_a_page_show_nothing() {
    let server = Server::start(BINARY).await;
    for path in [
        "//console",
        "//console/bulletins",
        "/console//bulletins",
        "/console/",
        "/console/bulletins/",
        "/console/./bulletins",
        "/./console/bulletins",
        "/console/sign-in/",
        "/console/sign-in/x",
        "/console/sign-in/../bulletins",
        "/console/sign-in%2f..%2fbulletins",
        "/console/sign-in;x",
        "/console/sign-in%00",
        "/console/assets",
        "/console/assets/",
        "/console/assets/../bulletins",
        "/console/assets/%2e%2e/bulletins",
        "/console/assets/..%2fbulletins",
        "/console/assets/%2e%2e%2f%2e%2e%2fapi%2fv1%2fjobs",
        "/console/assets/x/../../account",
        "/CONSOLE/bulletins",
        "/console/BULLETINS",
        "/console%2fbulletins",
        "/console/bulletins%00",
        "http://127.0.0.1/console/bulletins",
    ] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let extra = "X-Original-URL: /console/sign-in\r\nX-Rewrite-URL: /console/sign-in\r\nX-HTTP-Method-Override: GET\r\n";
            let status =
                raw(port(&server), &format!("GET {path} {version}\r\nHost: x\r\n{extra}Connection: close\r\n\r\n"));
            assert!(matches!(status, 303 | 400 | 401 | 404), "{path} {version}: {status}");
        }
    }
}

#[tokio::test]
async fn w_26_what_only_looks_like_a_credential_is_refused_before_it_is_used() {
    let server = Server::start(BINARY).await;
    let anna = first_administrator(&server).await;
    let own = std::fs::read_to_string(server.data().join("admin.token")).unwrap();
    let own = own.trim();
    let secret = anna.cookies.iter().find_map(|cookie| cookie.strip_prefix("patchwharf=")).unwrap();
    let ask = |header: &str| {
        raw(port(&server), &format!("GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close\r\n\r\n"))
    };
    assert_eq!(ask(&format!("Cookie: patchwharf={secret}")), 200);
    let b64 = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    let jwt = |head: &str| {
        format!("{}.{}.", b64(head), b64("{\"sub\":\"admin\",\"role\":\"administrator\",\"exp\":9999999999}"))
    };
    let mut odd = vec![
        jwt("{\"alg\":\"none\"}"),
        jwt("{\"alg\":\"nOnE\",\"typ\":\"JWT\"}"),
        format!("{}{}", jwt("{\"alg\":\"HS256\"}"), b64(own)),
        jwt("{\"alg\":\"HS256\",\"kid\":\"../../admin.token\"}"),
        jwt("{\"alg\":\"RS256\",\"jku\":\"https://evil.example/keys\"}"),
        "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA".to_owned(),
        "AAEAAAD/////AQAAAAAAAAAMAgAAAElTeXN0ZW0".to_owned(),
        b64("<samlp:Response><saml:NameID>admin</saml:NameID></samlp:Response>"),
        "<samlp:Response/>".to_owned(),
        "{\"token\":\"x\"}".to_owned(),
        "a'OR'1'='1".to_owned(),
        "%".repeat(43),
        "a".repeat(43),
        "a".repeat(8_000),
        String::new(),
    ];
    // The right one, but for one character, one more, or one less.
    for right in [own, secret] {
        odd.extend((0..right.len()).map(|at| {
            let other = if right.as_bytes()[at] == b'A' { "B" } else { "A" };
            format!("{}{other}{}", &right[..at], &right[at + 1..])
        }));
        odd.extend([right.to_lowercase(), format!("{right}A"), right[1..].to_owned(), format!("{right},{right}")]);
    }
    for value in &odd {
        let status = ask(&format!("Authorization: Bearer {value}"));
        assert_eq!(status, 401, "Bearer {value}");
        for cookie in ["patchwharf", "__Host-patchwharf", "patchwharf-device", "session", "JSESSIONID"] {
            assert_eq!(ask(&format!("Cookie: {cookie}={value}")), 401, "{cookie}={value}");
        }
    }
    assert_eq!(ask(&format!("Cookie: PATCHWHARF={secret}")), 401, "a name is spelt as it is");
    assert_eq!(ask(&format!("Cookie: patchwharf=\"{secret}\"")), 401);
    assert_eq!(ask(&format!("Cookie: patchwharf={secret}; patchwharf={secret}")), 401);
    assert_eq!(ask(&format!("Authorization: Bearer {secret}")), 401, "a cookie is no token");
    assert_eq!(ask(&format!("Cookie: patchwharf={own}")), 401, "and a token no cookie");
    assert_eq!(
        ask(&format!("Authorization: Negotiate {own}\r\nCookie: patchwharf={secret}")),
        401,
        "what is named counts"
    );
    assert!(matches!(ask(&format!("Authorization: Bearer {}", "a".repeat(100_000))), 401 | 431));
}
