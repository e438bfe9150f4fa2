//! Create, change, delete, recreate.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use patchwharf_db::policies;
use patchwharf_model::api::{Code, PolicyCreate, PolicyDetail, PolicyPatch};

use super::{read, switches, view};
use crate::{
    access::Principal,
    api::{
        ApiError, ApiResult, Shared,
        extract::{self, Path},
        feeds::check_name,
    },
};

/// Makes a policy: one switch per update, each bound to its update's package of now.
#[utoipa::path(post, path = "/policies", tag = "policies", request_body = PolicyCreate,
    responses((status = 201, body = PolicyDetail)))]
pub(super) async fn create(
    State(app): Shared,
    who: Principal,
    extract::Json(wish): extract::Json<PolicyCreate>,
) -> ApiResult<Response> {
    check_name("policy", &wish.name)?;
    let Some(meant) = switches::updates(&app, wish.of).await? else {
        return Err(ApiError::new(
            Code::NothingSelected,
            "Name bulletins or updates in `of`, or give a `filter` of bulletins.",
        ));
    };
    let mut write = who.write(&app).await?;
    let rule = view::on_revision(wish.on_revision);
    let id = policies::create(&mut write, &wish.name, wish.enabled, rule, &meant.updates)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::NameTaken))?;
    write.commit().await?;
    tracing::info!(policy.id = %id, policy.name = %wish.name, updates = meant.updates.len(), "policy made");
    switches::note(id, &meant.bulletins, &format!("put into policy {}", wish.name));
    let detail = read::detail(&app, &id.to_string()).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v1/policies/{id}"))], Json(detail)).into_response())
}

/// Turns a policy on or off, or changes what it does when a package is replaced.
#[utoipa::path(patch, path = "/policies/{policy}", tag = "policies", params(("policy" = String, Path)),
    request_body = PolicyPatch, responses((status = 200, body = PolicyDetail)))]
pub(super) async fn patch(
    State(app): Shared,
    who: Principal,
    Path(name): Path<String>,
    extract::Json(wish): extract::Json<PolicyPatch>,
) -> ApiResult<Json<PolicyDetail>> {
    let id = policies::show(&app.db, &name).await?.policy_id;
    let mut write = who.write(&app).await?;
    if let Some(enabled) = wish.enabled {
        policies::set_enabled(&mut write, id, enabled).await?;
    }
    if let Some(rule) = wish.on_revision {
        policies::set_on_revision(&mut write, id, view::on_revision(rule)).await?;
    }
    write.commit().await?;
    Ok(Json(read::detail(&app, &id.to_string()).await?))
}

/// Deletes a policy; updates and packages stay.
#[utoipa::path(delete, path = "/policies/{policy}", tag = "policies", params(("policy" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(State(app): Shared, who: Principal, Path(name): Path<String>) -> ApiResult<StatusCode> {
    let row = policies::show(&app.db, &name).await?;
    let mut write = who.write(&app).await?;
    policies::delete(&mut write, row.policy_id).await?;
    write.commit().await?;
    tracing::info!(policy.id = %row.policy_id, policy.name = %row.name, "policy deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Recreates a policy: the same name and switches under a new id, each bound to its update's package of now.
#[utoipa::path(post, path = "/policies/{policy}/recreate", tag = "policies", params(("policy" = String, Path)),
    responses((status = 200, body = PolicyDetail)))]
pub(super) async fn recreate(
    State(app): Shared,
    who: Principal,
    Path(name): Path<String>,
) -> ApiResult<Json<PolicyDetail>> {
    let old = policies::show(&app.db, &name).await?.policy_id;
    let mut write = who.write(&app).await?;
    let id = policies::recreate(&mut write, old).await?;
    write.commit().await?;
    tracing::info!(policy.id = %id, policy.before = %old, "policy recreated");
    Ok(Json(read::detail(&app, &id.to_string()).await?))
}
