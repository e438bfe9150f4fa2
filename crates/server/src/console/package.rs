//! One package with its versions and files.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use patchwharf_model::{
    Timestamp,
    api::{LogQuery, LogRecord, PackageDetail},
    update::VendorDigest,
};

use super::{
    activity::{Activity, Doing},
    page,
    shell::Shell,
    when::{When, WhenOr},
};
use crate::{
    access::Principal,
    api::{ApiResult, Path, Shared, extract::Query, logs, packages},
    words,
};

#[derive(Template)]
#[template(path = "package.html", blocks = ["live"])]
struct Show {
    shell: Shell,
    package: PackageDetail,
    records: Vec<LogRecord>,
    doing: Option<Doing>,
    /// Whether anything goes on at all: the page looks again sooner.
    soon: bool,
}

impl Show {
    fn bytes(&self, bytes: &u64) -> String {
        words::bytes(*bytes)
    }

    fn is_served(&self, version: &u64) -> bool {
        self.package.summary.current_version == Some(*version)
    }

    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }

    fn perhaps(&self, at: &Option<Timestamp>) -> WhenOr {
        WhenOr(*at, "never")
    }

    fn vendor(&self, digest: &VendorDigest) -> String {
        match digest {
            VendorDigest::Sha256(digest) => format!("SHA-256 {digest}"),
            VendorDigest::Sha1(digest) => format!("SHA-1 {digest} only"),
        }
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
    let package = packages::show(state(), Path(name)).await?.0;
    let id = package.summary.id;
    let records = LogQuery { package: Some(id), limit: Some(50), ..LogQuery::default() };
    let records = logs::list(state(), Query(records)).await?.0.items;
    let mut activity = Activity::now(&app).await?.on_packages(std::slice::from_ref(&package.summary));
    let (doing, soon) = (activity.packages.remove(&id), activity.any);
    let show = Show { shell: Shell::new(who, "/console/packages", "packages.js"), package, records, doing, soon };
    if page::is_part(&headers) { page::html(&show.as_live()) } else { page::html(&show) }
}
