//! Saved views: an account's own, in every browser; so many, and so long.

use patchwharf_model::api::{Code, Page, View};
use patchwharf_testkit::Server;
use reqwest::Method;
use serde_json::json;

use super::account;
use crate::world::BINARY;

#[tokio::test]
async fn w_02_a_saved_view_is_its_accounts_alone_and_has_limits() {
    let server = Server::start(BINARY).await;
    let mut anna = account(&server, "anna", "auditor").await;
    let mut otto = account(&server, "otto", "operator").await;
    let path = "/api/v1/views/bulletins/grave%20ones";
    let view = json!({ "query": "severity=critical&sort=name" });
    assert_eq!(anna.call(Method::PUT, path, Some(&view)).await.status, 204, "a reader's own things are a reader's");
    let mine: Page<View> = anna.call(Method::GET, "/api/v1/views", None).await.ok();
    assert_eq!((mine.items.len(), mine.items[0].name.as_str()), (1, "grave ones"));
    let others: Page<View> = otto.call(Method::GET, "/api/v1/views", None).await.ok();
    assert!(others.items.is_empty());
    assert_eq!(otto.call(Method::DELETE, path, None).await.status, 404);
    for (name, query) in
        [("x", "a=\"><script>"), ("x", "a b"), ("x", &*"q".repeat(2_001)), (&*"n".repeat(61), "a=b"), ("%20", "a=b")]
    {
        let refused =
            anna.call(Method::PUT, &format!("/api/v1/views/packages/{name}"), Some(&json!({ "query": query }))).await;
        assert_eq!(refused.problem().code, Code::InvalidBody.as_str(), "{name} {query}");
    }
    for n in 1..100 {
        let saved = anna.call(Method::PUT, &format!("/api/v1/views/packages/{n}"), Some(&view)).await;
        assert_eq!(saved.status, 204, "{n}");
    }
    let more = anna.call(Method::PUT, "/api/v1/views/packages/more", Some(&view)).await.problem();
    assert_eq!((more.status, more.code.as_str()), (409, Code::Conflict.as_str()));
    assert_eq!(
        anna.call(Method::PUT, path, Some(&json!({ "query": "" }))).await.status,
        204,
        "one that is there gives way"
    );
    assert_eq!(anna.call(Method::DELETE, path, None).await.status, 204);
    let owner = server.api().call(Method::GET, "/api/v1/views", None).await.problem();
    assert!(owner.status == 409 && owner.detail.contains("no account"), "{owner:?}");
}
