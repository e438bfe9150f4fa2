//! Who changed what.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use patchwharf_model::{
    Timestamp,
    api::{AuditChain, AuditEntry, AuditQuery, Page},
};

use super::{
    page,
    query::{Asked, Condition},
    shell::Shell,
    when::{When, WhenOr},
};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, audit},
    trail, words,
};

#[derive(Template)]
#[template(path = "audit.html", blocks = ["table"])]
struct Table {
    shell: Shell,
    asked: Asked,
    page: Page<AuditEntry>,
}

/// The fields of the form.
const FIELDS: [&str; 3] = ["action", "object", "since"];

impl Table {
    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }

    fn kept(&self) -> Vec<(&str, &str)> {
        self.asked.kept(&FIELDS)
    }

    fn conditions(&self) -> Vec<Condition> {
        self.asked.conditions(&FIELDS)
    }

    /// The same changes as a file.
    fn csv(&self) -> String {
        self.asked.exported("/api/v1/audit", "csv")
    }

    fn next(&self) -> Option<String> {
        let first = self.asked.first_row() + self.page.items.len() as u64;
        self.page.next.as_ref().map(|cursor| self.asked.next(cursor, first))
    }
}

/// The trail, newest first.
pub(super) async fn table(State(app): Shared, who: Principal, headers: HeaderMap, uri: Uri) -> ApiResult<Response> {
    let asked = Asked::of(&uri);
    let query: AuditQuery = asked.read()?;
    let page = audit::changes(&app, query).await?;
    let table = Table { shell: Shell::new(who, "/console/audit", "main.js"), asked, page };
    if page::is_part(&headers) { page::html(&table.as_table()) } else { page::html(&table) }
}

#[derive(Template)]
#[template(path = "audit-chain.html")]
struct Held {
    chain: AuditChain,
    good: String,
}

impl Held {
    fn perhaps(&self, at: &Option<Timestamp>) -> WhenOr {
        WhenOr(*at, "not yet")
    }
}

/// Whether the chain holds, as a part of the page.
pub(super) async fn chain(State(app): Shared) -> ApiResult<Response> {
    let _reading = app.reads.chain()?;
    let chain = trail::chain(&app, None).await?;
    let good = words::count(chain.good, "change");
    page::html(&Held { chain, good })
}
