//! Software update policies.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use patchwharf_model::{
    Timestamp,
    api::{Page, PolicySummary, PolicySwitch, SwitchState},
};

use super::{page, query::Asked, shell::Shell, when::When};
use crate::{
    access::Principal,
    api::{ApiResult, Path, Shared, policies},
};

#[derive(Template)]
#[template(path = "policies.html", blocks = ["table"])]
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
#[template(path = "policy.html", blocks = ["table"])]
struct Show {
    shell: Shell,
    policy: PolicySummary,
    asked: Asked,
    page: Page<PolicySwitch>,
}

impl Show {
    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }

    fn last_row(&self) -> u64 {
        self.asked.first_row() + (self.page.items.len() as u64).saturating_sub(1)
    }

    fn next(&self) -> Option<String> {
        self.page.next.as_ref().map(|cursor| self.asked.next(cursor, self.last_row() + 1))
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

/// All policies, or only their table where a script asks for it.
pub(super) async fn table(State(app): Shared, who: Principal, headers: HeaderMap) -> ApiResult<Response> {
    let policies = policies::list(State(app)).await?.0.items;
    let table = Table { shell: Shell::new(who, "/console/policies", "policies.js"), policies };
    if page::is_part(&headers) { page::html(&table.as_table()) } else { page::html(&table) }
}

/// One policy with a page of its switches, or only what a script shows anew.
pub(super) async fn show(
    State(app): Shared,
    who: Principal,
    headers: HeaderMap,
    uri: Uri,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let asked = Asked::of(&uri);
    let (policy, page) = policies::show_page(&app, &name, asked.read()?).await?;
    let show = Show { shell: Shell::new(who, "/console/policies", "policies.js"), policy, asked, page };
    if page::is_part(&headers) { page::html(&show.as_table()) } else { page::html(&show) }
}
