//! Accounts, and the link that makes the first one.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use patchwharf_model::api::{Account, AuditEntry, NewToken, Page};
use patchwharf_testkit::{
    Server,
    server::{DEADLINE, TEST_CONFIG},
};
use reqwest::Method;
use rustix::fs::{Mode, OFlags};
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
    let usual = "filter = 'debug,hyper=info,sqlx=warn,h2=info,reqwest=info'";
    let config = TEST_CONFIG.replace(usual, "filter = 'trace'");
    assert!(config.contains("'trace'"));
    let server = Server::setup(BINARY).config(&config).start().await;
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
    let output = server.output();
    let kept: Vec<u8> = ["log.db", "log.db-wal"]
        .into_iter()
        .flat_map(|file| std::fs::read(server.data().join(file)).unwrap_or_default())
        .collect();
    assert!(kept.windows(5).any(|part| part == b"trace"), "nothing was logged at this level");
    for secret in [link.as_str(), PASSWORD, &made.secret, &cookie] {
        assert!(!log.contains(secret) && !trail.contains(secret) && !output.contains(secret));
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

/// A first start with a terminal: what it shows there, until a line has this in it.
fn on_a_terminal(server: &mut Command, wanted: &str) -> (Child, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).and_then(|()| unlockpt(&ours)).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let process = server.stderr(Stdio::from(terminal)).spawn().unwrap();
    let (send, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(File::from(ours)).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    let mut text = String::new();
    while !text.contains(wanted) {
        text.push_str(&seen.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{wanted} is not shown: {text}")));
    }
    (process, text)
}

#[test]
fn w_04_where_somebody_watches_the_terminal_it_alone_has_the_first_link() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut server = Command::new(BINARY);
    server
        .arg("serve")
        .env("PATCHWHARF_DATA", &data)
        .env("PATCHWHARF_LISTEN", "127.0.0.1:0")
        .env("PATCHWHARF_TLS", "off");
    server.stdin(Stdio::null()).stdout(Stdio::piped());
    let (mut process, text) = on_a_terminal(&mut server, "/console/set-up#");
    let secret: String = text.split("/console/set-up#").nth(1).unwrap().chars().take(43).collect();
    assert!(secret.len() == 43 && secret.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{text}");
    assert!(!data.join("set-up.link").exists(), "no file has it");
    let id = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let mut output = String::new();
    process.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    process.wait().unwrap();
    assert!(!output.contains(&secret));
    for entry in std::fs::read_dir(&data).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        let has = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!has, "{} has it", entry.path().display());
    }
}

#[tokio::test]
async fn w_04_the_first_link_is_kept_until_an_administrator_can_sign_in() {
    let server = Server::start(BINARY).await;
    let _ = account(&server, "otto", "operator").await;
    assert!(server.data().join("set-up.link").exists(), "an operator makes no accounts");
    first_administrator(&server).await;
    assert!(!server.data().join("set-up.link").exists());
}
