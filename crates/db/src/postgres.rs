//! PostgreSQL: a pool whose sessions keep what they acknowledge.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

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

/// What programs other than our driver need to know apart.
pub(crate) struct Parts {
    /// As it is, not as the URL spells it.
    pub(crate) password: Option<String>,
}

/// Takes a URL apart.
pub(crate) fn parts(url: &str) -> Parts {
    let user = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
    Parts { password: user.and_then(|user| user.split_once(':')).map(|(_, password)| decoded(password)) }
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

/// The URL of a database as it is shown to people.
#[must_use]
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    let name = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{name}@{host}")
}
