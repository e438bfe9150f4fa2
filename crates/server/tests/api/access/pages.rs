//! Pages of the console from outside.

use patchwharf_testkit::Server;
use reqwest::Method;

use super::{Browser, first_administrator};
use crate::world::BINARY;

#[tokio::test]
async fn pages_want_a_session_and_carry_their_policy() {
    let server = Server::start(BINARY).await;
    let mut browser = Browser::new(&server);
    let turned = browser.client.request(Method::GET, "/console/jobs?state=failed");
    let answer = browser.client.send(turned).await.unwrap();
    // The client follows: what comes is the page that lets somebody in.
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("id=\"sign-in\"") && answer.text().contains("/console/jobs?state=failed"));
    browser = first_administrator(&server).await;
    for page in
        ["", "/bulletins", "/packages", "/policies", "/jobs", "/log", "/services", "/feeds", "/audit", "/account"]
    {
        let answer = browser.call(Method::GET, &format!("/console{page}"), None).await;
        assert_eq!(answer.status, 200, "{page}: {}", answer.text());
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let text = answer.text();
        assert!(!text.contains(" style=") && !text.contains("<script>") && !text.contains("onclick="), "{page}");
        assert!(!text.contains("http://") || !text.contains("src=\"http"), "{page} brings something from elsewhere");
    }
    let gone = browser.call(Method::GET, "/console/bulletins/no-such-bulletin", None).await;
    assert_eq!((gone.status, gone.header("content-type")), (404, Some("text/html; charset=utf-8")));
}

#[tokio::test]
async fn w_18_every_answer_says_how_it_may_be_shown() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let origin = [("origin", "https://evil.example")];
    for path in [
        "/healthz",
        "/metrics",
        "/api/openapi.json",
        "/api/v1/jobs",
        "/api/v1/nothing",
        "/packages/0190c2a4-9d0a-7d6b-8f00-000000000000/1/x.exe",
        "/console",
        "/console/bulletins",
        "/console/bulletins/nothing",
        "/console/nothing",
        "/console/sign-in",
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let headers = [origin[0], ("access-control-request-method", "DELETE")];
            let answer = anna.send(method.clone(), path, None, &headers).await;
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
            assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{method} {path}");
            let embedded = answer.header("cross-origin-resource-policy");
            assert_eq!(embedded, Some("same-origin"), "{method} {path}");
            let policy = answer.header("content-security-policy").unwrap_or_default();
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{method} {path}: {policy}"
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
            let shared = answer.headers.iter().find(|(name, _)| name.starts_with("access-control-"));
            assert_eq!(shared, None, "{method} {path}");
        }
    }
}
