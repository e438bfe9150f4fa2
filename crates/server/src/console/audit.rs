//! Who changed what.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use patchwharf_model::{
    Timestamp,
    api::{AuditEntry, AuditQuery, Page},
};

use super::{page, query::Asked, shell::Shell, when::When};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, audit, extract::Query},
};

#[derive(Template)]
#[template(path = "audit.html", blocks = ["table"])]
struct Table {
    shell: Shell,
    asked: Asked,
    page: Page<AuditEntry>,
}

impl Table {
    fn at(&self, at: &Timestamp) -> When {
        When(*at)
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
    let page = audit::list(State(Arc::clone(&app)), Query(query)).await?.0;
    let table = Table { shell: Shell::new(who, "/console/audit", "main.js"), asked, page };
    if headers.contains_key("hx-request") { page::html(&table.as_table()) } else { page::html(&table) }
}
