//! Accounts, sessions, tokens and roles.

mod accounts;
mod confirm;
mod credentials;
mod guesses;
mod pages;
mod roles;
mod sessions;
mod site;
mod streams;
mod tokens;
mod trail;
mod views;

use patchwharf_model::api::{Account, Link, Me};
use patchwharf_testkit::{
    Server, database,
    server::{Answer, Client},
};
use reqwest::Method;
use serde_json::{Value, json};

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

impl Browser {
    /// Another browser with the same cookies.
    fn copy(&self) -> Self {
        Self { client: self.client.clone(), cookies: self.cookies.clone() }
    }
}

/// Runs a statement on the server's database: time passes, for example.
async fn change(server: &Server, statement: &'static str) {
    let done = database::change(&server.data().join("patchwharf.db"), statement).await;
    assert!(done > 0, "nothing was changed: {statement}");
}

/// Port of the server, for requests that no client makes.
fn port(server: &Server) -> u16 {
    server.url("").rsplit(':').next().unwrap().parse().unwrap()
}

/// Every address of the console, with a value in each place of its path: as the router has them.
fn pages() -> Vec<String> {
    let source = include_str!("../../src/console.rs").split("#[cfg(test)]").next().unwrap();
    let routes = source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let filled = routes.map(|route| {
        let parts = route
            .split('/')
            .map(|part| if part.starts_with('{') { "0190c2a4-9d0a-7d6b-8f00-000000000000" } else { part });
        parts.collect::<Vec<_>>().join("/")
    });
    let pages: Vec<String> = filled.filter(|page| page.starts_with("/console")).collect();
    assert!(pages.len() > 15, "{pages:?}");
    pages
}

/// Whether a page is for those who are not signed in yet.
fn is_open(page: &str) -> bool {
    matches!(page, "/console/sign-in" | "/console/set-up") || page.starts_with("/console/assets/")
}
