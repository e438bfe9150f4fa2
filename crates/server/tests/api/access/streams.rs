//! Streams of events end when who follows may not any more.

use patchwharf_model::api::NewToken;
use patchwharf_testkit::{
    Server,
    server::{Client, DEADLINE},
};
use reqwest::{Method, Response};
use serde_json::json;

use super::{Browser, account, change, first_administrator};
use crate::world::BINARY;

const LOG: &str = "/api/v1/logs/events";

impl Browser {
    async fn open(&self) -> Response {
        let request = self.client.request(Method::GET, LOG).header("cookie", self.cookies.join("; "));
        request.send().await.unwrap()
    }
}

/// The stream to its end, which must come.
async fn to_its_end(mut stream: Response) -> String {
    assert_eq!(stream.status(), 200);
    let whole = async {
        let mut text = Vec::new();
        while let Some(chunk) = stream.chunk().await.unwrap() {
            text.extend_from_slice(&chunk);
        }
        String::from_utf8_lossy(&text).into_owned()
    };
    tokio::time::timeout(DEADLINE, whole).await.expect("the stream goes on")
}

#[tokio::test]
async fn w_08_streams_end_with_what_they_were_opened_by() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let last = "event: signed-out\ndata: {}";

    let stream = anna.copy().open().await;
    assert_eq!(anna.call(Method::DELETE, "/api/v1/session", None).await.status, 204);
    assert!(to_its_end(stream).await.trim_end().ends_with(last), "sign-out");

    let otto = account(&server, "otto", "operator").await;
    let stream = otto.open().await;
    let role = json!({ "role": "auditor" });
    assert_eq!(server.api().call(Method::PATCH, "/api/v1/accounts/otto", Some(&role)).await.status, 200);
    assert!(to_its_end(stream).await.trim_end().ends_with(last), "another role");

    let eve = account(&server, "eve", "operator").await;
    let wish = json!({ "name": "script", "account": "eve" });
    let made: NewToken = server.api().post("/api/v1/tokens", &wish).await;
    let script = Client::new(&server.url(""), &made.secret);
    let by_token = script.request(Method::GET, LOG).send().await.unwrap();
    let by_session = eve.open().await;
    assert_eq!(server.api().call(Method::DELETE, "/api/v1/accounts/eve", None).await.status, 204);
    for stream in [by_token, by_session] {
        assert!(to_its_end(stream).await.trim_end().ends_with(last), "the account is gone");
    }

    let bob = account(&server, "bob", "auditor").await;
    let stream = bob.open().await;
    change(&server, "UPDATE session SET seen_at = seen_at - 7201 * 1000000").await;
    assert!(to_its_end(stream).await.trim_end().ends_with(last), "not used for too long");
}

#[tokio::test]
async fn w_17_a_session_follows_so_many_streams_and_no_more() {
    let server = Server::start(BINARY).await;
    let mut anna = first_administrator(&server).await;
    let mut open = Vec::new();
    for n in 0..20 {
        let stream = anna.open().await;
        assert_eq!(stream.status(), 200, "{n}");
        open.push(stream);
    }
    let refused = anna.call(Method::GET, LOG, None).await.problem();
    assert_eq!((refused.status, refused.code.as_str()), (429, "too-many-streams"));
    assert_eq!(anna.call(Method::GET, "/api/v1/jobs", None).await.status, 200, "everything else goes on");
    let otto = account(&server, "otto", "auditor").await;
    assert_eq!(otto.open().await.status(), 200, "and so do others");
    drop(open);
    let end = std::time::Instant::now() + DEADLINE;
    while anna.open().await.status() != 200 {
        assert!(std::time::Instant::now() < end, "closed streams are counted for ever");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
