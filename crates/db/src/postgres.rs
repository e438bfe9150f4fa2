//! PostgreSQL: a pool whose sessions keep what they acknowledge.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use url::Url;

use crate::{DbError, Result};

/// Set for each session: durable commits whatever the server's default, bounded waits, no JIT for small queries,
/// indexes rather than scans for batches (disks have no heads any more).
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = '120s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '300s'; SET jit = off; SET random_page_cost = 1.1; SET client_min_messages = warning";

pub(crate) async fn open(url: &str, connections: u32) -> Result<PgPool> {
    let bad = |reason: String, source| DbError::Open { url: without_password(url), reason, source: Some(source) };
    let options = PgConnectOptions::from_str(url)
        .map_err(|e| bad("the URL is not postgres://user:password@host:port/database".into(), Box::new(e)))?
        .application_name("patchwharf")
        .disable_statement_logging();
    PgPoolOptions::new()
        .max_connections(connections.max(2))
        .min_connections(0)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(Duration::from_secs(300))
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(SESSION).execute(connection).await.map(drop) })
        })
        .connect_with(options)
        .await
        .map_err(|e| {
            bad("the server cannot be reached or refuses: check host, user, password and database".into(), Box::new(e))
        })
}

/// Parameters of a URL that may be shown. All others may hold a secret: `password` does, and what is not known might.
const SHOWN: [&str; 9] = [
    "sslmode",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "application_name",
    "options",
    "statement-cache-capacity",
];

/// A URL as programs other than our driver need it.
pub(crate) struct Parts {
    /// Without a password, wherever in the URL it stood.
    pub(crate) address: String,
    /// As it is, not as the URL spells it.
    pub(crate) password: Option<String>,
}

/// Takes a URL apart. What is no URL has no password that could be found, and is refused by whoever gets it.
pub(crate) fn parts(url: &str) -> Parts {
    let Ok(mut parsed) = Url::parse(url) else { return Parts { address: without_password(url), password: None } };
    // Our driver takes the last one that is said, and so the parameter before the one in front of the host.
    let named = parsed.query_pairs().filter(|(name, _)| name == "password").last().map(|(_, value)| value.into_owned());
    let password = named.or_else(|| parsed.password().map(decoded));
    let _ = parsed.set_password(None);
    let secret = |name: &str| name == "password" || name == "statement-cache-capacity" || name.starts_with("ssl-");
    keep(&mut parsed, |name| !secret(name));
    Parts { address: parsed.into(), password }
}

/// Keeps the parameters with these names, as they are spelt.
fn keep(url: &mut Url, is_kept: impl Fn(&str) -> bool) {
    let Some(query) = url.query().map(str::to_owned) else { return };
    let name = |pair: &str| decoded(pair.split('=').next().unwrap_or_default());
    let kept: Vec<&str> = query.split('&').filter(|pair| is_kept(&name(pair))).collect();
    url.set_query(if kept.is_empty() { None } else { Some(kept.join("&")) }.as_deref());
}

/// Takes percent encoding away.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The URL of a database as it is shown to people. Of one that cannot be understood only the scheme is: nobody knows where
/// in it a password stands.
#[must_use]
pub fn without_password(url: &str) -> String {
    let Some((scheme, _)) = url.split_once("://").filter(|(scheme, _)| *scheme != "sqlite") else {
        return url.to_owned();
    };
    let hidden = format!("{scheme}://...");
    let Ok(mut parsed) = Url::parse(url) else { return hidden };
    // An @ further on: a password that was not encoded has a / or a ? in it, and what looks like the host is part of it.
    if parsed.path().contains('@') {
        return hidden;
    }
    let _ = parsed.set_password(None);
    parsed.set_fragment(None);
    keep(&mut parsed, |name| SHOWN.contains(&name));
    parsed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w_19_a_password_is_not_shown_wherever_in_the_url_it_stands() {
        for (url, shown) in [
            ("postgres://user:canary@host:5433/name?sslmode=require", "postgres://user@host:5433/name?sslmode=require"),
            ("postgres://user@host/name?password=canary", "postgres://user@host/name"),
            ("postgres://host/name?user=u&password=can@ary&port=5433", "postgres://host/name?user=u&port=5433"),
            ("postgres://host/name?p%61ssword=canary", "postgres://host/name"),
            ("postgresql://host/name?sslpassword=canary", "postgresql://host/name"),
            ("postgres://user:can/ary@host/name", "postgres://..."),
            ("postgres://user:1/canary@host/name", "postgres://..."),
            ("postgres://user:can?ary@host/name", "postgres://..."),
            ("postgres://user:1?canary@host/name", "postgres://user:1"),
            ("postgres://user:p@c/canary@host/name", "postgres://..."),
            ("postgres://user@%2Frun%2Fpostgresql/name", "postgres://user@%2Frun%2Fpostgresql/name"),
            ("postgres:///name?host=/run/postgresql", "postgres:///name?host=/run/postgresql"),
            ("mysql://user:canary@host/name", "mysql://user@host/name"),
            ("sqlite:///home/a@b/patchwharf.db", "sqlite:///home/a@b/patchwharf.db"),
            ("/home/a@b/patchwharf.db", "/home/a@b/patchwharf.db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn a_url_is_taken_apart_for_programs_that_must_not_have_the_password_in_it() {
        let told = |url: &str| {
            let parts = parts(url);
            (parts.address, parts.password)
        };
        let secret = |text: &str| Some(text.to_owned());
        let known = "postgres://user@host/name?sslrootcert=/ca.pem";
        assert_eq!(
            told("postgres://user@host/name?password=se%40cret&sslrootcert=/ca.pem&ssl-x=1"),
            (known.to_owned(), secret("se@cret"))
        );
        assert_eq!(told("postgres://user:one@host/name?password=two").1, secret("two"));
        assert_eq!(told("postgres://user:se%40cret@host/name").1, secret("se@cret"));
        assert_eq!(told(known), (known.to_owned(), None));
    }
}
