//! Who may pass.

use patchwharf_server::api;
use patchwharf_testkit::{Server, server::Client};
use reqwest::Method;

use crate::world::BINARY;

/// Every operation of the description, with a value in each place of its path.
pub(crate) fn operations() -> Vec<(Method, String)> {
    let document = serde_json::to_value(api::document()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled: Vec<_> = path
            .split('/')
            .map(|part| match part {
                "{version}" => "1",
                part if part.starts_with('{') => "0190c2a4-9d0a-7d6b-8f00-000000000000",
                part => part,
            })
            .collect();
        for method in methods.as_object().unwrap().keys() {
            found.push((method.to_uppercase().parse().unwrap(), filled.join("/")));
        }
    }
    assert!(found.len() > 40, "the description is not whole: {found:?}");
    found
}

#[tokio::test]
async fn w_01_every_route_wants_the_token_except_the_listed_ones() {
    let server = Server::start(BINARY).await;
    let anonymous = Client::anonymous(&server.url(""));
    let wrong = Client::new(&server.url(""), "not-the-token");
    let open = ["/healthz", "/metrics"];
    // These let somebody in: they prove by themselves who asks.
    let doors = ["/api/v1/session/link", "/api/v1/session/set-up"];
    let document = [(Method::GET, "/api/openapi.json".to_owned())];
    for (method, path) in operations().into_iter().chain(document) {
        if open.contains(&path.as_str()) {
            assert_eq!(anonymous.call(method, &path, None).await.status, 200, "{path}");
            continue;
        }
        if doors.contains(&path.as_str()) || (path == "/api/v1/session" && method == Method::POST) {
            continue;
        }
        for client in [&anonymous, &wrong] {
            let answer = client.call(method.clone(), &path, None).await;
            assert_eq!(answer.header("www-authenticate").unwrap_or_default(), "Bearer realm=\"patchwharf\"", "{path}");
            assert_eq!(answer.problem().code, "unauthorized", "{method} {path}");
        }
        if path == "/api/v1/logs/events" {
            continue; // it would never end
        }
        let known = server.api().call(method.clone(), &path, None).await;
        assert_ne!(known.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn w_03_odd_spellings_of_a_path_get_the_verdict_of_what_is_not_listed() {
    let server = Server::start(BINARY).await;
    let port: u16 = server.url("").rsplit(':').next().unwrap().parse().unwrap();
    for path in [
        "//api/v1/jobs",
        "/api//v1/jobs",
        "/api/v1/jobs/",
        "/./api/v1/jobs",
        "/healthz/../api/v1/jobs",
        "/healthz/",
        "/healthz/x",
        "/HEALTHZ",
        "/healthz%2f",
        "/%68ealthz",
        "/healthz;x",
        "/api/v1/jobs%00",
        "/api/v1%2fjobs",
        "/API/V1/JOBS",
        "/packages/../api/v1/jobs",
        "/packages/%2e%2e/api/v1/jobs",
        "http://127.0.0.1/api/v1/jobs",
    ] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let extra = "X-Original-URL: /healthz\r\nX-Rewrite-URL: /healthz\r\nX-HTTP-Method-Override: GET\r\n";
            let status = raw(port, &format!("GET {path} {version}\r\nHost: x\r\n{extra}Connection: close\r\n\r\n"));
            assert!(status == 401 || status == 400, "{path} {version}: {status}");
        }
    }
}

#[tokio::test]
async fn w_21_a_token_counts_only_once_and_only_in_its_header() {
    let server = Server::start(BINARY).await;
    let port: u16 = server.url("").rsplit(':').next().unwrap().parse().unwrap();
    let token = std::fs::read_to_string(server.data().join("admin.token")).unwrap();
    let token = token.trim();
    let ask = |path: &str, headers: &str| {
        raw(port, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n"))
    };
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(ask("/api/v1/jobs", &bearer), 200);
    assert_eq!(ask(&format!("/api/v1/jobs?access_token={token}"), ""), 401);
    assert_eq!(ask(&format!("/api/v1/jobs?token={token}"), ""), 401);
    assert_eq!(ask("/api/v1/jobs", &format!("Cookie: token={token}\r\n")), 401);
    assert_eq!(ask("/api/v1/jobs", &format!("Authorization: Basic {token}\r\n")), 401);
    assert_eq!(ask("/api/v1/jobs", &format!("Authorization: Bearer wrong\r\n{bearer}")), 401);
    assert_eq!(ask("/api/v1/jobs", &format!("Authorization: Bearer {}\r\n", &token[1..])), 401);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(server.data().join("admin.token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Sends bytes as they are and reads the status.
pub(crate) fn raw(port: u16, request: &str) -> u16 {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {text:?}"))
}
