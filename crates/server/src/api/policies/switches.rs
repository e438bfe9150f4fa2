//! Switches, and new content that waits for the administrator.

use axum::{Json, extract::State};
use patchwharf_db::{bulletins, policies, updates as rows};
use patchwharf_model::{
    UpdateId,
    api::{Code, PolicyUpdates, SwitchesChanged, SwitchesSet},
};

use crate::{
    access::Principal,
    api::{
        ApiError, ApiResult, Shared,
        extract::{self, Path},
    },
    app::App,
};

/// Turns switches of a policy on or off. Updates that are turned on and that it does not hold yet are added.
#[utoipa::path(post, path = "/policies/{policy}/switches", tag = "policies", params(("policy" = String, Path)),
    request_body = SwitchesSet, responses((status = 200, body = SwitchesChanged)))]
pub(super) async fn set(
    State(app): Shared,
    who: Principal,
    Path(name): Path<String>,
    extract::Json(wish): extract::Json<SwitchesSet>,
) -> ApiResult<Json<SwitchesChanged>> {
    let id = policies::show(&app.db, &name).await?.policy_id;
    let chosen = updates(&app, wish.of).await?;
    let mut write = who.write(&app).await?;
    let added = match &chosen {
        Some(updates) if wish.enabled => policies::add_updates(&mut write, id, updates).await?,
        _ => 0,
    };
    let changed = added + policies::set_switches(&mut write, id, chosen.as_deref(), wish.enabled).await?;
    write.commit().await?;
    Ok(Json(SwitchesChanged { changed }))
}

/// Takes updates out of a policy: named ones, or all that bulletins have or had. Their packages stay.
#[utoipa::path(post, path = "/policies/{policy}/remove", tag = "policies", params(("policy" = String, Path)),
    request_body = PolicyUpdates, responses((status = 200, body = SwitchesChanged)))]
pub(super) async fn remove(
    State(app): Shared,
    who: Principal,
    Path(name): Path<String>,
    extract::Json(wish): extract::Json<PolicyUpdates>,
) -> ApiResult<Json<SwitchesChanged>> {
    let id = policies::show(&app.db, &name).await?.policy_id;
    if wish.is_empty() {
        let detail = "Name the updates or bulletins to be taken out; a policy as a whole is deleted, or disabled.";
        return Err(ApiError::new(Code::NothingSelected, detail));
    }
    // Superseded and withdrawn ones too: what a policy holds, it must be able to let go.
    let mut chosen = rows::resolve(&app.db, &wish.updates).await?;
    let bulletins = bulletins::resolve(&app.db, &wish.bulletins).await?;
    chosen.extend(rows::by_bulletins(&app.db, &bulletins).await?.into_iter().map(|update| update.update_id));
    let mut write = who.write(&app).await?;
    let changed = policies::remove_updates(&mut write, id, &chosen).await?;
    write.commit().await?;
    tracing::info!(policy.id = %id, policy.name = %name, changed, "updates taken out of the policy");
    Ok(Json(SwitchesChanged { changed }))
}

/// Accepts new content that waits: the switches point at the new packages. Nothing named: all that wait.
#[utoipa::path(post, path = "/policies/{policy}/accept", tag = "policies", params(("policy" = String, Path)),
    request_body = PolicyUpdates, responses((status = 200, body = SwitchesChanged)))]
pub(super) async fn accept(
    State(app): Shared,
    who: Principal,
    Path(name): Path<String>,
    extract::Json(wish): extract::Json<PolicyUpdates>,
) -> ApiResult<Json<SwitchesChanged>> {
    let id = policies::show(&app.db, &name).await?.policy_id;
    let chosen = updates(&app, wish).await?;
    let mut write = who.write(&app).await?;
    let changed = policies::accept(&mut write, id, chosen.as_deref()).await?;
    write.commit().await?;
    tracing::info!(policy.id = %id, changed, "policy follows the new packages");
    Ok(Json(SwitchesChanged { changed }))
}

/// The updates that are meant: named ones, and the live ones of bulletins. None: nothing was named.
pub(super) async fn updates(app: &App, wish: PolicyUpdates) -> ApiResult<Option<Vec<UpdateId>>> {
    if wish.is_empty() {
        return Ok(None);
    }
    let mut ids = rows::resolve(&app.db, &wish.updates).await?;
    let chosen = bulletins::resolve(&app.db, &wish.bulletins).await?;
    let of_bulletins = rows::by_bulletins(&app.db, &chosen).await?;
    ids.extend(of_bulletins.into_iter().filter(rows::Update::is_in_scope).map(|update| update.update_id));
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        let detail = "These bulletins have no live updates: all are superseded, withdrawn or without files.";
        return Err(ApiError::new(Code::NothingSelected, detail));
    }
    Ok(Some(ids))
}
