//! Whoever holds the data folder is the administrator.

use patchwharf_model::api::{AuditEntry, Page};
use patchwharf_testkit::{
    Server, eventually_async,
    server::{Client, DEADLINE},
};

use crate::stock::BINARY;

#[tokio::test]
async fn a_new_token_counts_at_a_running_server_at_once_and_is_on_the_audit_trail() {
    let mut server = Server::start(BINARY).await;
    let old = server.api().clone();
    let said = server.patchwharf(&["user", "reset"]).ok();
    assert!(said.contains("admin.token") && said.contains("the old one is dead"), "{said}");
    let refused = old.call(reqwest::Method::GET, "/api/v1/settings", None).await;
    assert_eq!(refused.status, 401);
    let token = std::fs::read_to_string(server.data().join("admin.token")).unwrap();
    let new = Client::new(&server.url(""), token.trim());
    assert_eq!(new.call(reqwest::Method::GET, "/api/v1/settings", None).await.status, 200);
    assert_eq!(server.patchwharf(&["settings", "show"]).code, Some(0), "the command line has the new one");
    // Noticed by the server, or at its next start.
    server.restart().await;
    let trail = eventually_async("it is on the trail", DEADLINE, || async {
        let page: Page<AuditEntry> = server.api().get("/api/v1/audit?action=user.reset").await;
        page.items.into_iter().next()
    })
    .await;
    assert_eq!((trail.object.as_str(), trail.actor.as_str()), ("user admin", "owner of the data folder"));
    assert!(!format!("{trail:?}").contains(&token.trim()[..12]), "the trail names the token, and does not tell it");
}

#[tokio::test]
async fn a_token_can_be_reset_while_no_server_runs_and_a_foreign_folder_is_refused() {
    let mut server = Server::start(BINARY).await;
    server.terminate();
    let before = std::fs::read_to_string(server.data().join("admin.token")).unwrap();
    assert_eq!(server.patchwharf(&["user", "reset"]).code, Some(0));
    assert_ne!(std::fs::read_to_string(server.data().join("admin.token")).unwrap(), before);
    server.restart().await;
    let folder = tempfile::tempdir().unwrap();
    let run = std::process::Command::new(BINARY)
        .args(["--data", folder.path().to_str().unwrap(), "user", "reset"])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("not the data folder of a server"), "{run:?}");
}
