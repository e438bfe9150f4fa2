//! Guessing is slow, and locks nobody out.

use patchwharf_model::api::{Link, LogRecord, Page};
use patchwharf_testkit::{
    Server, eventually_async,
    server::{DEADLINE, TEST_CONFIG},
};
use reqwest::Method;
use serde_json::json;

use super::{Browser, PASSWORD, account, first_administrator};
use crate::world::BINARY;

#[tokio::test]
async fn w_05_w_07_guessing_becomes_slow_and_tells_nothing() {
    let server = Server::start(BINARY).await;
    let mut known = first_administrator(&server).await;
    let mut stranger = Browser::new(&server);
    let (one, two) =
        (stranger.sign_in("anna", "wrong").await.problem(), stranger.sign_in("nobody", "wrong").await.problem());
    assert_eq!((one.status, &one.code, &one.detail), (two.status, &two.code, &two.detail));
    let mut slow = None;
    for _ in 0..8 {
        let answer = stranger.sign_in("anna", "wrong").await;
        if answer.status == 429 {
            slow = answer.header("retry-after").map(str::to_owned);
        }
    }
    assert!(slow.is_some_and(|seconds| seconds.parse::<u32>().unwrap() >= 1), "nothing became slow");
    let problem = stranger.sign_in("anna", PASSWORD).await.problem();
    assert_eq!(problem.code, "too-many-attempts", "the right password waits, too");
    // The second way in is always open: whoever holds the data folder.
    let link: Link = server.api().post("/api/v1/accounts/anna/link", &json!({})).await;
    assert!(link.path.starts_with("/console/set-up#"));
    assert_eq!(known.call(Method::GET, "/api/v1/session", None).await.status, 200, "who is signed in stays so");
}

async fn password_hashes(server: &Server) -> u64 {
    let text = server.api().fetch("/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix("patchwharf_password_hashes_total "));
    line.unwrap_or_else(|| panic!("it is not counted: {text}")).parse().unwrap()
}

/// Time is not measured: the work that takes it is counted.
#[tokio::test]
async fn w_07_whether_there_is_an_account_shows_in_neither_words_nor_work() {
    let server = Server::start(BINARY).await;
    let prepared = || async { (password_hashes(&server).await > 0).then_some(()) };
    eventually_async("what stands for nobody's password is made", DEADLINE, prepared).await;
    let mut stranger = Browser::new(&server);
    let mut ask = async |name: &str| {
        let before = password_hashes(&server).await;
        let answer = stranger.sign_in(name, "wrong and quite long").await;
        let work = password_hashes(&server).await - before;
        let ours = |name: &str| !matches!(name, "date" | "x-request-id");
        let headers: Vec<_> = answer.headers.iter().filter(|(name, _)| ours(name)).cloned().collect();
        let mut problem = answer.problem();
        problem.request_id = None;
        (work, headers, problem)
    };
    let nobody = ask("nobody").await;
    assert_eq!((nobody.0, nobody.2.code.as_str()), (1, "sign-in-failed"), "the first to ask after the start, too");
    first_administrator(&server).await;
    account(&server, "otto", "operator").await;
    let disabled = json!({ "enabled": false });
    assert_eq!(server.api().call(Method::PATCH, "/api/v1/accounts/otto", Some(&disabled)).await.status, 200);
    let _: serde_json::Value =
        server.api().post("/api/v1/accounts", &json!({ "name": "new", "role": "auditor" })).await;
    for (what, name) in [("a wrong password", "anna"), ("a disabled account", "otto"), ("no password yet", "new")] {
        assert_eq!(ask(name).await, nobody, "{what}");
    }
}

#[tokio::test]
async fn w_06_guesses_from_the_same_address_lock_nobody_out() {
    let server = Server::start(BINARY).await;
    let mut known = first_administrator(&server).await;
    let mut stranger = Browser::new(&server);
    let mut refused = 0;
    for n in 0..40 {
        let name = if n % 2 == 0 { "anna".to_owned() } else { format!("account-{n}") };
        refused += u32::from(stranger.sign_in(&name, "wrong").await.status == 429);
    }
    assert!(refused >= 20, "only {refused} of 40 guesses had to wait");
    // A browser that the account has signed in from, with the right password: at the same address, at once.
    assert_eq!(known.call(Method::DELETE, "/api/v1/session", None).await.status, 204);
    assert_eq!(known.sign_in("anna", PASSWORD).await.status, 200);
    // Who is signed in may change the password.
    let change = json!({ "current": PASSWORD, "new": "five rather long other words" });
    assert_eq!(known.call(Method::PUT, "/api/v1/session/password", Some(&change)).await.status, 204);
    // And the second way in, from its beginning to its end, by a browser that nobody knows.
    let link: Link = server.api().post("/api/v1/accounts/anna/link", &json!({})).await;
    let secret = link.path.rsplit('#').next().unwrap();
    let mut new = Browser::new(&server);
    let look = new.call(Method::POST, "/api/v1/session/link", Some(&json!({ "link": secret }))).await;
    assert_eq!(look.status, 200);
    let wish = json!({ "link": secret, "password": PASSWORD });
    assert_eq!(new.call(Method::POST, "/api/v1/session/set-up", Some(&wish)).await.status, 200);
    assert_eq!(new.call(Method::GET, "/api/v1/session", None).await.status, 200);
}

#[tokio::test]
async fn w_06_behind_a_trusted_proxy_each_client_is_counted_for_itself() {
    let config = format!("{TEST_CONFIG}\n[console]\ntrusted-proxies = ['127.0.0.1']\n");
    let server = Server::setup(BINARY).config(&config).start().await;
    first_administrator(&server).await;
    let from = |address: String, name: String, password: &'static str| {
        let server = &server;
        async move {
            let wish = json!({ "name": name, "password": password });
            let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", address.as_str())];
            Browser::new(server).send(Method::POST, "/api/v1/session", Some(&wish), &headers).await.status
        }
    };
    let mut statuses = Vec::new();
    for n in 0..12 {
        // What the client itself writes stands first, and counts for nothing.
        statuses.push(from(format!("203.0.113.{n}, 198.51.100.7"), format!("account-{n}"), "wrong").await);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(from("198.51.100.8".to_owned(), "anna".to_owned(), PASSWORD).await, 200);
}

#[tokio::test]
async fn w_05_a_session_may_not_guess_its_own_password_at_will() {
    let server = Server::start(BINARY).await;
    let mut browser = first_administrator(&server).await;
    let wrong = json!({ "current": "wrong", "new": "five rather long other words" });
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(browser.call(Method::PUT, "/api/v1/session/password", Some(&wrong)).await.status);
    }
    assert!(statuses[..5].iter().all(|status| *status == 401) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(Browser::new(&server).sign_in("anna", PASSWORD).await.status, 200, "others are not slowed down");
}

#[tokio::test]
async fn w_05_a_flood_of_attempts_does_not_push_everything_else_out_of_the_log() {
    let server = Server::start(BINARY).await;
    let mut known = first_administrator(&server).await;
    let mut stranger = Browser::new(&server);
    let mut statuses = [0; 2];
    for _ in 0..1_000 {
        statuses[usize::from(stranger.sign_in("anna", "wrong").await.status == 429)] += 1;
    }
    assert!(statuses[1] > 900, "{statuses:?}");
    // Doors that other sites push at, too.
    for _ in 0..50 {
        let wish = json!({ "name": "anna", "password": "wrong" });
        let answer =
            stranger.send(Method::POST, "/api/v1/session", Some(&wish), &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(answer.problem().code, "cross-site");
    }
    // What comes after it in the log is there: so is everything before.
    assert_eq!(known.sign_in("anna", PASSWORD).await.status, 200);
    let found = async |text: &str| {
        let page: Page<LogRecord> = server.api().get(&format!("/api/v1/logs?limit=1000&text={text}")).await;
        page.items
    };
    let twice = || async { (found("signed%20in").await.len() == 2).then_some(()) };
    eventually_async("the log has everything", DEADLINE, twice).await;
    let records = found("sign-in").await;
    assert!((1..30).contains(&records.len()), "{} lines about {statuses:?} attempts: {records:?}", records.len());
    let metrics = server.api().fetch("/metrics").await.text();
    assert!(metrics.contains("patchwharf_sign_ins_refused_total 1000"), "{metrics}");
}

#[tokio::test]
async fn w_06_a_crowd_of_strangers_is_sent_away_before_anything_is_hashed_and_the_known_browser_comes_in() {
    let config = format!("{TEST_CONFIG}\n[console]\ntrusted-proxies = ['127.0.0.1']\n");
    let server = Server::setup(BINARY).config(&config).start().await;
    let mut known = first_administrator(&server).await;
    let crowd = (0..200).map(|n| {
        let mut browser = Browser::new(&server);
        async move {
            let wish = json!({ "name": format!("account-{n}"), "password": "wrong" });
            let address = format!("203.0.113.{n}");
            let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", address.as_str())];
            browser.send(Method::POST, "/api/v1/session", Some(&wish), &headers).await
        }
    });
    let crowd = tokio::spawn(futures_util::future::join_all(crowd.collect::<Vec<_>>()));
    assert_eq!(known.sign_in("anna", PASSWORD).await.status, 200);
    let answers = crowd.await.unwrap();
    let away: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!away.is_empty() && away.iter().all(|answer| answer.header("retry-after") == Some("2")), "{}", away.len());
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)));
    // Who was sent away has failed at nothing.
    let text = server.api().fetch("/metrics").await.text();
    assert!(text.contains("patchwharf_sign_ins_refused_total 200"), "{text}");
}
