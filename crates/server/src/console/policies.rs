//! Software update policies.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_model::{
    Timestamp,
    api::{PolicyDetail, PolicySummary, SwitchState},
};

use super::{page, shell::Shell, when::When};
use crate::{
    access::Principal,
    api::{ApiResult, Path, Shared, policies},
};

#[derive(Template)]
#[template(path = "policies.html")]
struct Table {
    shell: Shell,
    policies: Vec<PolicySummary>,
}

impl Table {
    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }
}

#[derive(Template)]
#[template(path = "policy.html")]
struct Show {
    shell: Shell,
    policy: PolicyDetail,
}

impl Show {
    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }

    fn state(&self, state: &SwitchState) -> (&'static str, &'static str) {
        match state {
            SwitchState::Ready => ("good", "ready"),
            SwitchState::PackageMissing => ("bad", "package missing"),
            SwitchState::Withdrawn => ("quiet", "withdrawn"),
            SwitchState::Weak => ("bad", "SHA-1 only"),
            SwitchState::Off => ("quiet", "off"),
        }
    }
}

/// All policies.
pub(super) async fn table(State(app): Shared, who: Principal) -> ApiResult<Response> {
    let policies = policies::list(State(app)).await?.0.items;
    page::html(&Table { shell: Shell::new(who, "/console/policies", "policies.js"), policies })
}

/// One policy with its switches.
pub(super) async fn show(State(app): Shared, who: Principal, Path(name): Path<String>) -> ApiResult<Response> {
    let policy = policies::show(State(Arc::clone(&app)), Path(name)).await?.0;
    page::html(&Show { shell: Shell::new(who, "/console/policies", "policies.js"), policy })
}
