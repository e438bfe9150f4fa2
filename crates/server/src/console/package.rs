//! One package with its versions and files.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_model::{
    Timestamp,
    api::{LogQuery, LogRecord, PackageDetail},
    update::VendorDigest,
};

use super::{
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
#[template(path = "package.html")]
struct Show {
    shell: Shell,
    package: PackageDetail,
    records: Vec<LogRecord>,
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

/// The page.
pub(super) async fn show(State(app): Shared, who: Principal, Path(name): Path<String>) -> ApiResult<Response> {
    let state = || State(Arc::clone(&app));
    let package = packages::show(state(), Path(name)).await?.0;
    let records = LogQuery { package: Some(package.summary.id), limit: Some(50), ..LogQuery::default() };
    let records = logs::list(state(), Query(records)).await?.0.items;
    page::html(&Show { shell: Shell::new(who, "/console/packages", "packages.js"), package, records })
}
