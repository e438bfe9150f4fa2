//! What is not understood is refused, before anything is done.

use std::collections::BTreeSet;

use patchwharf_testkit::{Server, server::Client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{auth::operations, world::BINARY};

/// A path with names of what does not exist.
fn filled(path: &str) -> String {
    let nil = patchwharf_model::LocationId(uuid::Uuid::nil()).to_string();
    path.replace("{feed}", "x").replace("{policy}", "x").replace("{location}", &nil).replace("{place}", "bulletins")
}

#[tokio::test]
async fn w_16_unknown_fields_are_refused_everywhere() {
    let server = Server::start(BINARY).await;
    let document: serde_json::Value = server.api().get("/api/openapi.json").await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let filled = filled(path);
            let method: Method = method.to_uppercase().parse().unwrap();
            if operation["requestBody"]["content"]["application/json"].is_object() {
                let answer = server.api().call(method.clone(), &filled, Some(&json!({ "no-such-field": 1 }))).await;
                let problem = answer.problem();
                assert_eq!((problem.status, problem.code.as_str()), (422, "invalid-body"), "{method} {path}");
                assert!(problem.detail.contains("no-such-field"), "{path}: {}", problem.detail);
            }
        }
    }
    for (method, path) in operations() {
        let problem = server.api().call(method.clone(), &format!("{path}?no_such_field=1"), None).await.problem();
        assert_eq!((problem.status, problem.code.as_str()), (400, "invalid-query"), "{method} {path}: {problem:?}");
    }
}

#[tokio::test]
async fn w_16_values_of_the_wrong_kind_or_size_are_refused() {
    let server = Server::start(BINARY).await;
    let api = server.api();
    for query in [
        "/api/v1/jobs?limit=0",
        "/api/v1/jobs?limit=1001",
        "/api/v1/jobs?limit=-1",
        "/api/v1/jobs?limit=99999999999999999999",
        "/api/v1/jobs?state=sleeping",
        "/api/v1/jobs?cursor=nonsense",
        "/api/v1/bulletins?cursor=zz",
        "/api/v1/bulletins?sort=colour",
        "/api/v1/bulletins?state=enabled,disabled",
        "/api/v1/bulletins?released_from=yesterday",
        "/api/v1/packages?state=lost",
        "/api/v1/logs?level=loud",
        "/api/v1/audit?limit=x",
    ] {
        let problem = api.fetch(query).await.problem();
        assert_eq!(problem.code, "invalid-query", "{query}: {}", problem.detail);
    }
    for (path, body) in [
        ("/api/v1/feeds", json!({ "name": 7, "source": { "kind": "sdp", "url": "http://x/" } })),
        ("/api/v1/feeds", json!({ "name": "x", "source": { "kind": "ftp", "url": "http://x/" } })),
        ("/api/v1/feeds", json!({ "name": "x", "source": { "kind": "sdp", "url": "file:///etc/passwd" } })),
        ("/api/v1/feeds", json!({ "name": "../x", "source": { "kind": "sdp", "url": "http://x/" } })),
        (
            "/api/v1/feeds",
            json!({ "name": "x", "source": { "kind": "sdp", "url": "http://x/" }, "schedule_minutes": 1 }),
        ),
        (
            "/api/v1/feeds",
            json!({ "name": "x", "source": { "kind": "apt", "url": "http://x/", "suite": "../..",
            "components": ["main"], "architectures": ["amd64"], "keyring": "AAAA" } }),
        ),
        (
            "/api/v1/feeds",
            json!({ "name": "x", "source": { "kind": "apt", "url": "http://x/", "suite": "s",
            "components": ["main"], "architectures": ["amd64"] } }),
        ),
        ("/api/v1/bulletins/severity", json!({ "of": { "bulletins": ["x"] }, "severity": "\u{1b}[2J" })),
        ("/api/v1/packages/verify", json!({ "all": "yes" })),
    ] {
        let problem = api.call(Method::POST, path, Some(&body)).await.problem();
        assert_eq!(problem.code, "invalid-body", "{path} {body}: {}", problem.detail);
    }
    let rows: serde_json::Value = api.get("/api/v1/feeds").await;
    assert_eq!(rows["items"], json!([]), "a refused feed was made");
}

/// The kinds of JSON value that a schema takes.
fn kinds(schema: &Value, document: &Value) -> BTreeSet<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return kinds(&document["components"]["schemas"][name], document);
    }
    let mut found = BTreeSet::new();
    match &schema["type"] {
        Value::String(kind) => _ = found.insert(kind.clone()),
        Value::Array(all) => found.extend(all.iter().map(|kind| kind.as_str().unwrap().to_owned())),
        _ => {}
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        found.extend(schema[choice].as_array().into_iter().flatten().flat_map(|part| kinds(part, document)));
    }
    found
}

/// Alone in its body, so that the answer can only be about its kind: what is read first is refused first.
#[tokio::test]
async fn w_16_no_field_takes_a_value_of_another_kind() {
    let server = Server::start(BINARY).await;
    let api = server.api();
    let document: Value = api.get("/api/openapi.json").await;
    let before: Vec<Value> = kept(api).await;
    let values = [
        ("boolean", "true"),
        ("integer", "7"),
        ("integer", "-1"),
        ("integer", "18446744073709551616"),
        ("number", "1.5"),
        ("number", "1e300"),
        ("string", "\"1\""),
        ("string", "\"true\""),
        ("array", "[]"),
        ("array", "[[1]]"),
        ("object", "{\"a\":1}"),
    ];
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(name) = body["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) else { continue };
            let schema = &document["components"]["schemas"][name];
            for (field, of) in schema["properties"].as_object().into_iter().flatten() {
                let taken = kinds(of, &document);
                // An array is read as the fields of an object in their order.
                let also = |kind: &'static str| match kind {
                    "integer" => "number",
                    "array" => "object",
                    kind => kind,
                };
                let takes = |kind: &'static str| taken.contains(kind) || taken.contains(also(kind));
                for (_, value) in values.iter().filter(|(kind, _)| !takes(kind)) {
                    let method: Method = method.to_uppercase().parse().unwrap();
                    let body = format!("{{{}:{value}}}", json!(field));
                    let request = api.request(method.clone(), &filled(path)).header("content-type", "application/json");
                    let answer = api.send(request.body(body.clone())).await.unwrap();
                    let problem = answer.problem();
                    let code = problem.code.as_str();
                    assert!(matches!(code, "invalid-body" | "bad-request"), "{method} {path} {body}: {problem:?}");
                    assert!(!problem.detail.contains("missing field"), "{method} {path} {body}: {}", problem.detail);
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 300, "{asked}");
    assert_eq!(kept(api).await, before, "something was done all the same");
}

async fn kept(api: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    for path in ["feeds", "policies", "accounts", "jobs"] {
        all.push(api.get(&format!("/api/v1/{path}")).await);
    }
    all
}

#[tokio::test]
async fn bodies_are_limited_and_typed() {
    let server = Server::start(BINARY).await;
    let api = server.api();
    let huge = json!({ "bulletins": ["x".repeat(2 << 20)] });
    assert_eq!(api.call(Method::POST, "/api/v1/bulletins/stage", Some(&huge)).await.problem().code, "body-too-large");
    let text = api.request(Method::POST, "/api/v1/bulletins/stage").header("content-type", "text/plain").body("{}");
    assert_eq!(api.send(text).await.unwrap().problem().code, "unsupported-media-type");
    let broken =
        api.request(Method::POST, "/api/v1/bulletins/stage").header("content-type", "application/json").body("{");
    assert_eq!(api.send(broken).await.unwrap().problem().code, "bad-request");
    let deep = "[".repeat(100_000);
    let deep =
        api.request(Method::POST, "/api/v1/bulletins/stage").header("content-type", "application/json").body(deep);
    let problem = api.send(deep).await.unwrap().problem();
    assert!(problem.status < 500, "{problem:?}");
}

/// Bodies that readers of JSON have died of, or have understood in two ways.
#[tokio::test]
async fn v_13_json_that_is_deep_says_things_twice_or_cannot_be_is_refused_by_every_route() {
    let server = Server::start(BINARY).await;
    let api = server.api();
    let document: serde_json::Value = api.get("/api/openapi.json").await;
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if !operation["requestBody"]["content"]["application/json"].is_object() {
                continue;
            }
            let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
            let schema = &document["components"]["schemas"][schema.rsplit('/').next().unwrap()];
            let field = schema["properties"].as_object().and_then(|all| all.keys().next()).expect("a field");
            let path = filled(path);
            for body in [
                "[".repeat(200_000),
                format!("{{\"{field}\":").repeat(50_000),
                format!("{{\"{field}\":{}", "[".repeat(200_000)),
                format!("{{\"{field}\":null,\"{field}\":null}}"),
                format!("{{\"{field}\":1e400}}"),
                format!("{{\"{field}\":\"\\ud800\"}}"),
                format!("{{\"{field}\":\"\\ud800\\u0041\"}}"),
                "{\"\\udfff\":1}".to_owned(),
                "-".to_owned(),
            ] {
                let method: Method = method.to_uppercase().parse().unwrap();
                let request = api.request(method.clone(), &path).header("content-type", "application/json");
                let shown: String = body.chars().take(60).collect();
                let answer = api.send(request.body(body)).await.unwrap();
                let problem = answer.problem();
                assert!(
                    matches!(problem.code.as_str(), "bad-request" | "invalid-body"),
                    "{method} {path} {shown}: {problem:?}"
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 100, "{asked}");
    assert_eq!(api.get::<serde_json::Value>("/api/v1/feeds").await["items"], json!([]));
    server.holds();
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_document_too() {
    let server = Server::start(BINARY).await;
    let api = server.api();
    assert_eq!(api.fetch("/api/v1/nothing").await.problem().code, "no-such-route");
    assert_eq!(api.fetch("/nothing").await.problem().code, "no-such-route");
    assert_eq!(api.call(Method::PUT, "/api/v1/jobs", None).await.problem().code, "method-not-allowed");
    assert_eq!(api.fetch("/api/v1/jobs/not-an-id").await.problem().code, "not-found");
    let missing = api.fetch("/api/v1/jobs/0190c2a4-9d0a-7d6b-8f00-000000000000").await;
    let id = missing.header("x-request-id").expect("a request id").to_owned();
    let problem = missing.problem();
    assert_eq!((problem.code.as_str(), problem.request_id), ("not-found", Some(id)));
    for path in
        ["/api/v1/feeds/x", "/api/v1/bulletins/x", "/api/v1/updates/x", "/api/v1/packages/x", "/api/v1/policies/x"]
    {
        let problem = api.fetch(path).await.problem();
        assert_eq!(problem.code, "not-found", "{path}");
        assert!(problem.detail.contains('x'), "{}", problem.detail);
    }
}

/// Nothing that a client may see names a path of the server, SQL or a source file.
#[tokio::test]
async fn w_20_errors_tell_no_secrets() {
    let server = Server::start(BINARY).await;
    let data = server.data().display().to_string();
    let names = ["'", "\"; DROP TABLE job; --", "%27%20OR%201=1--", "%00", "..%2f..%2fetc%2fpasswd", "%ff"];
    for (method, path) in operations().into_iter().filter(|(_, path)| path.contains("0190c2a4")) {
        for name in names {
            let name = name.replace(['"', ' ', ';'], "%22");
            let path = path.replace("0190c2a4-9d0a-7d6b-8f00-000000000000", &name);
            let answer = server.api().call(method.clone(), &path, None).await;
            assert_ne!(answer.status, 500, "{method} {path}: {}", answer.text());
            if answer.status >= 400 {
                let text = answer.text().to_lowercase();
                for secret in [data.as_str(), "sqlite", "select ", "panicked", ".rs:", "/root", "backtrace"] {
                    assert!(!text.contains(&secret.to_lowercase()), "{method} {path} tells {secret}: {text}");
                }
            }
        }
    }
}
