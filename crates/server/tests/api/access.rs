//! Accounts, sessions, tokens and roles.

use patchwharf_model::api::{Account, AuditEntry, Link, Me, NewToken, Page};
use patchwharf_testkit::{
    Server,
    server::{Answer, Client},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{auth::operations, world::BINARY};

const PASSWORD: &str = "four quite long words";

/// A browser that is signed in, or is about to be.
struct Browser {
    client: Client,
    cookies: Vec<String>,
}

impl Browser {
    fn new(server: &Server) -> Self {
        Self { client: Client::anonymous(&server.url("")), cookies: Vec::new() }
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.request(method, path);
        if !self.cookies.is_empty() {
            request = request.header("cookie", self.cookies.join("; "));
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.send(request).await.unwrap();
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = value.split(';').next().unwrap().to_owned();
            let name = pair.split('=').next().unwrap().to_owned();
            self.cookies.retain(|known| !known.starts_with(&format!("{name}=")));
            if !pair.ends_with('=') {
                self.cookies.push(pair);
            }
        }
        answer
    }

    /// As a page of the server sends it.
    async fn call(&mut self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, path, body, &[("sec-fetch-site", "same-origin")]).await
    }

    async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.call(Method::POST, "/api/v1/session", Some(&json!({ "name": name, "password": password }))).await
    }
}

/// The secret of the link that the first start left.
fn first_link(server: &Server) -> String {
    let text = std::fs::read_to_string(server.data().join("set-up.link")).unwrap();
    text.trim().rsplit('#').next().unwrap().to_owned()
}

async fn first_administrator(server: &Server) -> Browser {
    let mut browser = Browser::new(server);
    let wish = json!({ "link": first_link(server), "name": "Anna", "password": PASSWORD });
    let me: Me = browser.call(Method::POST, "/api/v1/session/set-up", Some(&wish)).await.ok();
    assert_eq!(me.name, "anna");
    browser
}

/// An account of a role, signed in.
async fn account(server: &Server, name: &str, role: &str) -> Browser {
    let _: Account = server.api().post("/api/v1/accounts", &json!({ "name": name, "role": role })).await;
    let link: Link = server.api().post(&format!("/api/v1/accounts/{name}/link"), &json!({})).await;
    let mut browser = Browser::new(server);
    let wish = json!({ "link": link.path.rsplit('#').next().unwrap(), "password": PASSWORD });
    let _: Me = browser.call(Method::POST, "/api/v1/session/set-up", Some(&wish)).await.ok();
    browser
}

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
async fn w_08_a_session_is_new_each_time_and_dead_after_sign_out_or_a_change() {
    let server = Server::start(BINARY).await;
    let mut browser = first_administrator(&server).await;
    let planted = format!("patchwharf={}", "a".repeat(43));
    browser.cookies = vec![planted.clone()];
    let answer = browser.sign_in("anna", PASSWORD).await;
    let cookie =
        answer.headers.iter().find(|(n, v)| n == "set-cookie" && v.starts_with("patchwharf=")).unwrap().1.clone();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"), "{cookie}");
    assert!(!cookie.contains(&planted), "a session that somebody planted is not taken over");
    let mut thief = Browser { client: browser.client.clone(), cookies: browser.cookies.clone() };
    assert_eq!(thief.call(Method::GET, "/api/v1/session", None).await.status, 200);
    assert_eq!(browser.call(Method::DELETE, "/api/v1/session", None).await.status, 204);
    assert_eq!(thief.call(Method::GET, "/api/v1/session", None).await.status, 401, "dead on the server, too");

    let mut operator = account(&server, "otto", "operator").await;
    assert_eq!(operator.call(Method::GET, "/api/v1/jobs", None).await.status, 200);
    let _: Account =
        server.api().call(Method::PATCH, "/api/v1/accounts/otto", Some(&json!({ "role": "auditor" }))).await.ok();
    assert_eq!(operator.call(Method::GET, "/api/v1/jobs", None).await.status, 401);
    assert_eq!(operator.sign_in("otto", PASSWORD).await.status, 200);
    let _: Account =
        server.api().call(Method::PATCH, "/api/v1/accounts/otto", Some(&json!({ "enabled": false }))).await.ok();
    assert_eq!(operator.call(Method::GET, "/api/v1/jobs", None).await.status, 401);
    assert_eq!(operator.sign_in("otto", PASSWORD).await.problem().code, "sign-in-failed");
}

#[tokio::test]
async fn w_09_another_site_changes_nothing() {
    let server = Server::start(BINARY).await;
    let mut browser = first_administrator(&server).await;
    let wish = json!({ "name": "evil", "role": "administrator" });
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[],
    ] {
        let problem = browser.send(Method::POST, "/api/v1/accounts", Some(&wish), headers).await.problem();
        assert_eq!(problem.code, "cross-site", "{headers:?}");
    }
    for (method, path) in operations().into_iter().filter(|(method, _)| *method != Method::GET) {
        let answer = browser.send(method.clone(), &path, Some(&json!({})), &[("sec-fetch-site", "cross-site")]).await;
        assert!(answer.status >= 400, "{method} {path}: {}", answer.status);
    }
    let accounts: Page<Account> = server.api().get("/api/v1/accounts").await;
    assert_eq!(accounts.items.len(), 1);
    let sign_in = json!({ "name": "anna", "password": PASSWORD });
    let headers = [("sec-fetch-site", "cross-site")];
    let refused = Browser::new(&server).send(Method::POST, "/api/v1/session", Some(&sign_in), &headers).await;
    assert_eq!(refused.problem().code, "cross-site", "nobody is signed in by another site");
}

#[tokio::test]
async fn w_02_each_role_may_do_what_its_rule_says() {
    let server = Server::start(BINARY).await;
    let mut auditor = account(&server, "aud", "auditor").await;
    let mut operator = account(&server, "ope", "operator").await;
    let own = ["/api/v1/session", "/api/v1/tokens"];
    let looks = ["/preview"];
    for (method, path) in operations() {
        if path == "/api/v1/logs/events" || own.iter().any(|own| path.starts_with(own)) {
            continue;
        }
        let reads = method == Method::GET || looks.iter().any(|end| path.ends_with(end));
        let answer = auditor.call(method.clone(), &path, Some(&json!({}))).await;
        let for_administrators = path.starts_with("/api/v1/accounts");
        assert_eq!(answer.status == 403, !reads || for_administrators, "auditor: {method} {path}: {}", answer.text());
        let answer = operator.call(method.clone(), &path, Some(&json!({ "no-such-field": 1 }))).await;
        let refused = answer.status == 403;
        let stages = ["/bulletins/", "/import", "/jobs/", "/packages/verify", "/policies"]
            .iter()
            .any(|part| path.contains(part));
        let allowed = reads && !for_administrators || stages && method != Method::DELETE;
        assert_eq!(refused, !allowed, "operator: {method} {path}: {}", answer.text());
    }
}

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

#[tokio::test]
async fn w_21_a_token_has_its_scope_and_its_end() {
    let server = Server::start(BINARY).await;
    let mut browser = account(&server, "otto", "operator").await;
    let above = json!({ "name": "script", "role": "administrator" });
    assert_eq!(browser.call(Method::POST, "/api/v1/tokens", Some(&above)).await.problem().code, "forbidden");
    for bad in [json!({ "name": "" }), json!({ "name": "x", "days": 0 }), json!({ "name": "x", "days": 367 })] {
        assert_eq!(
            browser.call(Method::POST, "/api/v1/tokens", Some(&bad)).await.problem().code,
            "invalid-body",
            "{bad}"
        );
    }
    let made: NewToken =
        browser.call(Method::POST, "/api/v1/tokens", Some(&json!({ "name": "script", "role": "auditor" }))).await.ok();
    let script = Client::new(&server.url(""), &made.secret);
    let me: Me = script.get("/api/v1/session").await;
    assert_eq!((me.name.as_str(), me.role.as_str(), me.session), ("otto", "auditor", None));
    let stage = json!({ "bulletins": ["x"] });
    let refused = script.call(Method::POST, "/api/v1/bulletins/stage", Some(&stage)).await.problem();
    assert_eq!(refused.code, "forbidden");
    let listed = browser.call(Method::GET, "/api/v1/tokens", None).await;
    assert!(!listed.text().contains(&made.secret));
    let path = format!("/api/v1/tokens/{}", made.token.id);
    let mut other = account(&server, "eve", "administrator").await;
    assert_eq!(other.call(Method::DELETE, &path, None).await.status, 404, "another's token is not there");
    assert_eq!(browser.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(script.fetch("/api/v1/session").await.status, 401);
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
