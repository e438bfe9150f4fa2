//! One bulletin with all that is known of it.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use patchwharf_model::api::{
    AuditEntry, AuditQuery, BulletinDetail, BulletinTrouble, LogQuery, LogRecord, Refers, UpdateSummary,
};

use super::{
    activity::{Activity, Doing},
    bulletins, page,
    shell::Shell,
    when::{When, WhenOr},
};
use crate::{
    access::Principal,
    api::{ApiResult, Path, Shared, audit, bulletins as api, extract::Query, logs},
    words,
};

/// Entries of each history that the page shows.
const NEWEST: u32 = 50;

#[derive(Template)]
#[template(path = "bulletin.html", blocks = ["live"])]
struct Show {
    shell: Shell,
    bulletin: BulletinDetail,
    refers: Refers,
    history: Vec<AuditEntry>,
    records: Vec<LogRecord>,
    doing: Option<Doing>,
    /// Whether anything goes on at all: the page looks again sooner.
    soon: bool,
}

impl Show {
    fn size(&self, update: &UpdateSummary) -> String {
        words::bytes(update.size_bytes)
    }

    fn proof(&self) -> WhenOr {
        WhenOr(self.bulletin.summary.oldest_proof_at, "never")
    }

    fn at(&self, at: &patchwharf_model::Timestamp) -> When {
        When(*at)
    }

    fn released(&self) -> WhenOr {
        WhenOr(self.bulletin.summary.released_at, "not said")
    }

    fn why(&self, trouble: &BulletinTrouble) -> String {
        bulletins::why(trouble)
    }

    /// A bulletin or update of the same feed, as the API finds it.
    fn of_feed(&self, name: &str) -> String {
        format!("{}/{name}", self.bulletin.summary.feed_name)
    }

    /// The package that a change is about.
    fn package<'a>(&self, entry: &'a AuditEntry) -> Option<&'a str> {
        entry.object.strip_prefix("package ")
    }
}

/// The page, or what is live of it: all but its frame.
pub(super) async fn show(
    State(app): Shared,
    who: Principal,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let state = || State(Arc::clone(&app));
    let bulletin = api::show(state(), Path(name)).await?.0;
    let id = bulletin.summary.id;
    let refers = api::refers(state(), Path(id.to_string())).await?.0;
    let history = AuditQuery { bulletin: Some(id.to_string()), limit: Some(NEWEST), ..AuditQuery::default() };
    let history = audit::changes(&app, history).await?.items;
    let records = LogQuery { bulletin: Some(id), limit: Some(NEWEST), ..LogQuery::default() };
    let records = logs::list(state(), Query(records)).await?.0.items;
    let mut activity = Activity::now(&app).await?.on_bulletins(&app, &[id]).await?;
    let (doing, soon) = (activity.bulletins.remove(&id), activity.any);
    let shell = Shell::new(who, "/console/bulletins", "bulletin.js");
    let show = Show { shell, bulletin, refers, history, records, doing, soon };
    if page::is_part(&headers) { page::html(&show.as_live()) } else { page::html(&show) }
}
