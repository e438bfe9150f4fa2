//! List and show.

use axum::{Json, extract::State};
use patchwharf_db::policies;
use patchwharf_model::{
    PolicyId,
    api::{Code, Page, PolicyDetail, PolicySummary, PolicySwitch, SwitchQuery},
};

use super::view;
use crate::{
    api::{
        ApiError, ApiResult, Shared,
        extract::{Path, Query},
        page,
    },
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

/// A page of the switches of a policy, by bulletin and update key, with how many there are in all.
#[utoipa::path(get, path = "/policies/{policy}/switches", tag = "policies",
    params(("policy" = String, Path), SwitchQuery), responses((status = 200, body = Page<PolicySwitch>)))]
pub(crate) async fn switches(
    State(app): Shared,
    Path(name): Path<String>,
    Query(query): Query<SwitchQuery>,
) -> ApiResult<Json<Page<PolicySwitch>>> {
    let id = policies::show(&app.db, &name).await?.policy_id;
    Ok(Json(switch_page(&app, id, query).await?))
}

async fn switch_page(app: &App, id: PolicyId, query: SwitchQuery) -> ApiResult<Page<PolicySwitch>> {
    let SwitchQuery { text, cursor, limit } = query;
    let query = policies::SwitchQuery { text, cursor, limit: page::limit(limit)? };
    let rows = policies::switch_page(&app.db, id, &query).await;
    let rows = rows.map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
    Ok(page::page(rows, view::switch))
}

/// A policy without its switches, and a page of them.
///
/// # Errors
/// `not-found`, `invalid-query`.
pub(crate) async fn show_page(
    app: &App,
    name: &str,
    query: SwitchQuery,
) -> ApiResult<(PolicySummary, Page<PolicySwitch>)> {
    let row = policies::show(&app.db, name).await?;
    let switches = switch_page(app, row.policy_id, query).await?;
    Ok((view::summary(row), switches))
}

pub(super) async fn detail(app: &App, name: &str) -> ApiResult<PolicyDetail> {
    let row = policies::show(&app.db, name).await?;
    let switches = policies::switches(&app.db, row.policy_id).await?;
    Ok(PolicyDetail { summary: view::summary(row), switches: switches.into_iter().map(view::switch).collect() })
}
