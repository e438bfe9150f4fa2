//! What is asked for is data, wherever it stands: no parameter, header or part of a path is ever read as SQL, as a
//! pattern of LIKE or as a query of the text search.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use patchwharf_server::api;
use patchwharf_testkit::{
    Server,
    server::{Client, Setup},
    skipped,
};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use crate::world::{BINARY, World};

/// Requests at once.
const AT_ONCE: usize = 8;

/// What has been an end of a string, a statement, a pattern or a query somewhere. `CANARY` is in no row.
const HOSTILE: [&str; 62] = [
    "'",
    "''",
    "'''",
    "\"",
    "`",
    "\\",
    "\\'",
    "%",
    "_",
    "%%%%%%%%%%%%%%%%",
    "\\%",
    "[a-z]",
    "')",
    "'))--",
    "\"))--",
    "CANARY' OR '1'='1",
    "CANARY\" OR \"1\"=\"1",
    "CANARY' OR 1=1--",
    "CANARY') OR ('1'='1",
    "CANARY%' OR 1=1 OR name LIKE '%",
    "'; DROP TABLE feed;--",
    "\"; DROP TABLE feed;--",
    "1; DROP TABLE feed",
    "1); DELETE FROM account;--",
    "'; UPDATE account SET role = 'administrator';--",
    "' UNION SELECT NULL--",
    "' UNION SELECT name, sql, 1 FROM sqlite_master--",
    "' UNION SELECT usename, passwd FROM pg_shadow--",
    "' AND 1=CAST((SELECT version()) AS int)--",
    "'||(SELECT hex(randomblob(10)))||'",
    "'||pg_sleep(0)||'",
    "$$; SELECT 1; $$",
    "$1",
    "?1",
    ":a",
    "@a",
    "'; ATTACH DATABASE 'canary.db' AS c;--",
    "'; COPY feed TO PROGRAM 'true';--",
    "load_extension('x')",
    "E'\\\\'",
    "/* ",
    "-- ",
    "CANARY OR *",
    "AND",
    "NOT",
    "NOT NOT x",
    "NEAR(",
    "a NEAR/0 b",
    "title:",
    "{title name}: x",
    "\"unclosed",
    "(((((",
    ")",
    "*",
    "^x",
    "a & | ! b",
    "!!<->:*",
    "-1",
    "9223372036854775808",
    "1e400",
    "NaN",
    "\u{feff}\u{202e}\u{1f4a5}",
];

/// What would be always true, were it SQL: with a word in it that is in no row.
fn would_be_true(text: &str) -> bool {
    text.contains("CANARY") && text.contains('1')
}

/// How errors of databases begin, and what only the server's own code says.
const OF_A_DATABASE: [&str; 14] = [
    "syntax error",
    "unrecognized token",
    "unterminated",
    "no such column",
    "no such table",
    "malformed match",
    "fts5",
    "tsquery",
    "sqlx",
    "sqlite error",
    "(code: ",
    "error returned from database",
    "invalid input syntax",
    "invalid byte sequence",
];

/// A GET operation with the places where it takes something.
struct Route {
    path: String,
    query: Vec<String>,
    headers: Vec<String>,
}

/// Every GET of the description.
fn routes() -> Vec<Route> {
    let document = serde_json::to_value(api::document()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(operation) = methods.get("get") else { continue };
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let at = |place: &str| {
            let here = parameters.iter().filter(|parameter| parameter["in"] == place);
            here.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        found.push(Route { path: path.clone(), query: at("query"), headers: at("header") });
    }
    let places = found.iter().map(|route| route.query.len()).sum::<usize>();
    assert!(found.len() > 30 && places > 70, "the description is not whole: {} {places}", found.len());
    found
}

/// A request, and what of it is hostile.
struct Attack {
    path: String,
    headers: Vec<(String, String)>,
    text: &'static str,
    in_query: bool,
}

fn attacks(ids: &BTreeMap<&str, String>) -> Vec<Attack> {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut all = Vec::new();
    for route in routes() {
        let parts: Vec<&str> = route.path.split('/').collect();
        let fill = |part: &&str| ids.get(*part).map_or_else(|| (*part).to_owned(), Clone::clone);
        let whole = parts.iter().map(fill).collect::<Vec<_>>().join("/");
        for text in HOSTILE {
            for name in &route.query {
                let path = format!("{whole}?{name}={}", encoded(text));
                all.push(Attack { path, headers: Vec::new(), text, in_query: true });
            }
            for place in (0..parts.len()).filter(|place| parts[*place].starts_with('{')) {
                let mut filled: Vec<String> = parts.iter().map(fill).collect();
                filled[place] = encoded(text).replace('+', "%20");
                all.push(Attack { path: filled.join("/"), headers: Vec::new(), text, in_query: false });
            }
            let others = [
                "accept",
                "accept-language",
                "cookie",
                "idempotency-key",
                "origin",
                "referer",
                "user-agent",
                "x-forwarded-for",
                "x-request-id",
            ];
            let names = route.headers.iter().map(String::as_str).chain(others);
            let headers = names.map(|name| match name {
                "cookie" => (name.to_owned(), format!("patchwharf={text}; patchwharf-device={text}")),
                name => (name.to_owned(), text.to_owned()),
            });
            all.push(Attack { path: whole.clone(), headers: headers.collect(), text, in_query: false });
        }
    }
    all
}

async fn attack(api: &Client, attack: Attack) {
    let mut request = api.request(Method::GET, &attack.path);
    for (name, value) in &attack.headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request = request.header(name.parse::<HeaderName>().unwrap(), value);
    }
    let what = format!("{} {:?}", attack.path, attack.headers.first().map(|_| attack.text));
    let response = request.send().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let status = response.status().as_u16();
    let is_stream = response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
    // What costs much is not done many times at once.
    let is_costly =
        ["/audit/chain", "/logs/download"].iter().any(|end| attack.path.split('?').next().unwrap().ends_with(end));
    if status == 503 && is_costly {
        assert!(response.text().await.unwrap().contains("\"code\":\"busy\""), "{what}");
        return;
    }
    assert!(status < 500, "{what}: {status} {}", response.text().await.unwrap());
    if is_stream {
        return;
    }
    let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
    if status >= 400 {
        let told = text.to_lowercase();
        let database = OF_A_DATABASE.iter().find(|words| told.contains(**words));
        assert!(database.is_none(), "{what} tells {database:?}: {text}");
    } else if attack.in_query && would_be_true(attack.text) {
        let page: Value = serde_json::from_str(&text).unwrap_or_default();
        let rows = page["items"].as_array().map_or(0, Vec::len);
        assert_eq!(rows, 0, "{what} finds what has no such word: {text}");
    }
}

/// What must be as it was.
async fn kept(api: &Client) -> BTreeMap<&'static str, Value> {
    let mut all = BTreeMap::new();
    for path in ["feeds", "policies", "accounts", "bulletins", "packages", "locations", "jobs", "audit"] {
        all.insert(path, api.get::<Value>(&format!("/api/v1/{path}")).await);
    }
    // Room on the disk changes by itself.
    for location in all.get_mut("locations").and_then(Value::as_array_mut).into_iter().flatten() {
        location["free_bytes"] = Value::Null;
    }
    all
}

async fn nothing_is_read_as_sql(server: Server) {
    let world = World::on(server).await;
    world.stage(&["B-1"]).await;
    let api = world.server.api();
    let account = json!({ "name": "canary", "role": "auditor" });
    let _: Value = api.post("/api/v1/accounts", &account).await;
    let policy = json!({ "name": "canary", "of": { "bulletins": ["B-1"] }, "enabled": true });
    let policy: Value = api.post("/api/v1/policies", &policy).await;
    let package = world.package("B-1").await.summary;
    let jobs: Value = api.get("/api/v1/jobs").await;
    let ids = BTreeMap::from([
        ("{bulletin}", "B-1".to_owned()),
        ("{feed}", "vendor".to_owned()),
        ("{file}", "file-0.exe".to_owned()),
        ("{job}", jobs["items"][0]["id"].as_str().unwrap().to_owned()),
        ("{package}", package.id.to_string()),
        ("{policy}", policy["id"].as_str().unwrap().to_owned()),
        ("{update}", world.bulletin("B-1").await.software_updates[0].id.to_string()),
        ("{version}", "1".to_owned()),
    ]);
    let before = kept(api).await;
    let attacks = attacks(&ids);
    assert!(attacks.len() > 6_000, "{}", attacks.len());
    futures_util::stream::iter(attacks).for_each_concurrent(AT_ONCE, |hostile| attack(api, hostile)).await;
    for (path, after) in kept(api).await {
        assert!(after == before[path], "{path} is another one: {after}");
    }
    assert!(!world.server.data().join("canary.db").exists());
    for level in ["error", "warn"] {
        let log: Value = api.get(&format!("/api/v1/logs?level={level}&limit=1000")).await;
        let told = log.to_string().to_lowercase();
        assert!(!OF_A_DATABASE.iter().any(|words| told.contains(words)), "a statement failed: {told}");
    }
}

/// Every place of a body that is looked for in the database, with the text in it.
fn bodies(text: &str) -> Vec<(Method, &'static str, Value)> {
    let fields = ["text", "vendor", "custom_severity", "cve", "kb", "severity", "state", "feed", "released_from"];
    let filters = fields.map(|field| json!({ "filter": { field: text } }));
    let choices = filters.into_iter().chain([json!({ "bulletins": [text] }), json!({ "bulletins": ["B-1", text] })]);
    let mut all: Vec<(Method, &str, Value)> = Vec::new();
    for choice in choices {
        all.push((Method::POST, "/api/v1/bulletins/preview", choice.clone()));
        all.push((Method::POST, "/api/v1/bulletins/disable", choice.clone()));
        all.push((Method::POST, "/api/v1/bulletins/severity", json!({ "of": choice, "severity": null })));
    }
    for of in [json!({ "packages": [text] }), json!({ "bulletins": [text] })] {
        all.push((Method::POST, "/api/v1/packages/verify", json!({ "of": of })));
        all.push((Method::POST, "/api/v1/packages/delete/preview", json!({ "of": of })));
    }
    let policy = |of: Value| json!({ "name": "canary", "of": of });
    all.push((Method::POST, "/api/v1/policies", policy(json!({ "bulletins": [text] }))));
    all.push((Method::POST, "/api/v1/policies", policy(json!({ "updates": [text] }))));
    all.push((Method::POST, "/api/v1/session/link", json!({ "link": text })));
    all.push((Method::POST, "/api/v1/session/set-up", json!({ "link": text, "name": text, "password": text })));
    all.push((Method::POST, "/api/v1/session", json!({ "name": text, "password": text })));
    all.push((Method::POST, "/api/v1/tokens", json!({ "name": text, "account": text })));
    all.push((Method::PUT, "/api/v1/settings/log.keep", json!({ "value": text })));
    all
}

async fn no_body_is_read_as_sql(server: Server) {
    let world = World::on(server).await;
    let api = world.server.api();
    let before = kept(api).await;
    let attacks = HOSTILE.iter().flat_map(|text| bodies(text).into_iter().map(move |(m, p, b)| (*text, m, p, b)));
    let mut tried = 0;
    for (text, method, path, body) in attacks {
        let answer = api.call(method.clone(), path, Some(&body)).await;
        let told = answer.text();
        let what = format!("{method} {path} {body}: {} {told}", answer.status);
        assert!(answer.status < 500, "{what}");
        let told = told.to_lowercase();
        assert!(!OF_A_DATABASE.iter().any(|words| told.contains(words)), "{what}");
        assert!(answer.status >= 400 || !would_be_true(text), "{what}: it has found what has no such word");
        tried += 1;
    }
    assert!(tried > 2_000, "{tried}");
    for (path, after) in kept(api).await {
        // Texts that are words may find bulletins, and failed sign-ins are told.
        if !matches!(path, "audit" | "bulletins" | "jobs") {
            assert!(after == before[path], "{path} is another one: {after}");
        }
    }
    // What may be called anything is called exactly that.
    for (n, text) in HOSTILE.iter().enumerate() {
        let wish = json!({ "name": text, "of": { "bulletins": ["B-1"] }, "enabled": false });
        let made = api.call(Method::POST, "/api/v1/policies", Some(&wish)).await;
        assert!(matches!(made.status, 201 | 409 | 422), "{n} {text}: {}", made.text());
        if made.status == 201 {
            let policy: Value = made.ok();
            assert_eq!(policy["name"], *text);
            let path = format!("/api/v1/policies/{}", policy["id"].as_str().unwrap());
            assert_eq!(api.get::<Value>(&path).await["name"], *text);
            assert_eq!(api.call(Method::DELETE, &path, Some(&json!({}))).await.status, 204);
        }
    }
    assert!(!world.server.data().join("canary.db").exists());
}

#[tokio::test]
async fn w_12_no_body_is_read_as_sql() {
    no_body_is_read_as_sql(Server::start(BINARY).await).await;
}

#[tokio::test]
async fn w_12_no_body_is_read_as_sql_on_postgresql() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    no_body_is_read_as_sql(Server::setup(BINARY).on_postgres().start().await).await;
}

#[tokio::test]
async fn w_12_nothing_that_is_asked_is_read_as_sql() {
    nothing_is_read_as_sql(Server::start(BINARY).await).await;
}

#[tokio::test]
async fn w_12_nothing_that_is_asked_is_read_as_sql_on_postgresql() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    nothing_is_read_as_sql(Server::setup(BINARY).on_postgres().start().await).await;
}
