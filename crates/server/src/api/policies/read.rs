//! List and show.

use axum::{Json, extract::State};
use patchwharf_db::policies;
use patchwharf_model::api::{Page, PolicyDetail, PolicySummary};

use super::view;
use crate::{
    api::{ApiResult, Shared, extract::Path, page},
    app::App,
};

/// All policies by name.
#[utoipa::path(get, path = "/policies", tag = "policies", responses((status = 200, body = Page<PolicySummary>)))]
pub(crate) async fn list(State(app): Shared) -> ApiResult<Json<Page<PolicySummary>>> {
    Ok(Json(page::whole(policies::list(&app.db).await?.into_iter().map(view::summary).collect())))
}

/// A policy with its switches, by id or name.
#[utoipa::path(get, path = "/policies/{policy}", tag = "policies", params(("policy" = String, Path)),
    responses((status = 200, body = PolicyDetail)))]
pub(crate) async fn show(State(app): Shared, Path(name): Path<String>) -> ApiResult<Json<PolicyDetail>> {
    Ok(Json(detail(&app, &name).await?))
}

pub(super) async fn detail(app: &App, name: &str) -> ApiResult<PolicyDetail> {
    let row = policies::show(&app.db, name).await?;
    let switches = policies::switches(&app.db, row.policy_id).await?;
    Ok(PolicyDetail { summary: view::summary(row), switches: switches.into_iter().map(view::switch).collect() })
}
