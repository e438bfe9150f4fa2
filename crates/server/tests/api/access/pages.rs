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
