//! Accounts, and the link that makes the first one.

use patchwharf_model::api::{Account, AuditEntry, NewToken, Page};
use patchwharf_testkit::Server;
use reqwest::Method;
use serde_json::json;

use super::{Browser, PASSWORD, account, first_administrator, first_link};
use crate::world::BINARY;

#[tokio::test]
async fn w_04_the_first_link_makes_one_administrator_and_is_dead() {
    let server = Server::start(BINARY).await;
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(server.data().join("set-up.link")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let link = first_link(&server);
    let mut browser = Browser::new(&server);
    let weak = json!({ "link": link, "name": "anna", "password": "anna-anna-anna" });
    let refused = browser.call(Method::POST, "/api/v1/session/set-up", Some(&weak)).await.problem();
    assert_eq!(refused.code, "weak-password");
    let wish = json!({ "link": link, "name": "anna", "password": PASSWORD });
    let mut second = Browser::new(&server);
    let (one, two) = tokio::join!(
        browser.call(Method::POST, "/api/v1/session/set-up", Some(&wish)),
        second.call(Method::POST, "/api/v1/session/set-up", Some(&wish)),
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert!(statuses[0] == 200 && statuses[1] >= 400, "of two at once one wins: {statuses:?}");
    let late = Browser::new(&server).call(Method::POST, "/api/v1/session/set-up", Some(&wish)).await.problem();
    assert_eq!(late.code, "link-dead");
    assert!(!server.data().join("set-up.link").exists());
    let accounts: Page<Account> = server.api().get("/api/v1/accounts").await;
    assert_eq!(accounts.items.len(), 1);
}

#[tokio::test]
async fn w_19_no_secret_of_a_sign_in_is_kept_or_logged_and_the_trail_names_who() {
    let server = Server::start(BINARY).await;
    let link = first_link(&server);
    let mut browser = first_administrator(&server).await;
    let made: NewToken = browser.call(Method::POST, "/api/v1/tokens", Some(&json!({ "name": "script" }))).await.ok();
    let _ = browser.call(Method::PUT, "/api/v1/settings/integrity.light-every", Some(&json!({ "value": "2h" }))).await;
    let trail: Page<AuditEntry> = server.api().get("/api/v1/audit?limit=100").await;
    let setting =
        trail.items.iter().find(|entry| entry.action == "setting.set" && entry.object.contains("light")).unwrap();
    assert_eq!(setting.actor, "anna");
    let log = server.api().fetch("/api/v1/logs?limit=1000").await.text();
    let trail = server.api().fetch("/api/v1/audit?limit=100").await.text();
    let cookie = browser.cookies[0].split('=').nth(1).unwrap().to_owned();
    for secret in [link.as_str(), PASSWORD, &made.secret, &cookie] {
        assert!(!log.contains(secret) && !trail.contains(secret));
        for file in ["patchwharf.db", "patchwharf.db-wal", "log.db", "log.db-wal"] {
            let bytes = std::fs::read(server.data().join(file)).unwrap_or_default();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{file} keeps a secret");
        }
    }
}

#[tokio::test]
async fn w_04_the_first_link_is_dead_when_another_way_made_an_administrator() {
    let server = Server::start(BINARY).await;
    let link = first_link(&server);
    let _ = account(&server, "anna", "administrator").await;
    let mut late = Browser::new(&server);
    let look = late.call(Method::POST, "/api/v1/session/link", Some(&json!({ "link": link }))).await.problem();
    assert_eq!(look.code, "link-dead");
    let wish = json!({ "link": link, "name": "eve", "password": PASSWORD });
    let refused = late.call(Method::POST, "/api/v1/session/set-up", Some(&wish)).await.problem();
    assert_eq!(refused.code, "link-dead");
    let accounts: Page<Account> = server.api().get("/api/v1/accounts").await;
    assert_eq!(accounts.items.len(), 1);
}

#[tokio::test]
async fn names_of_others_are_not_borrowed() {
    let server = Server::start(BINARY).await;
    for name in ["admin", "SYSTEM", "server", "job", "\u{430}nna"] {
        let wish = json!({ "name": name, "role": "auditor" });
        let refused = server.api().call(Method::POST, "/api/v1/accounts", Some(&wish)).await.problem();
        assert_eq!(refused.code, "invalid-body", "{name}");
    }
    let wish = json!({ "link": first_link(&server), "name": "admin", "password": PASSWORD });
    let refused = Browser::new(&server).call(Method::POST, "/api/v1/session/set-up", Some(&wish)).await.problem();
    assert!(refused.detail.contains("audit trail"), "{refused:?}");
}
