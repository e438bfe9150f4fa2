//! Enable, disable, custom severity.

use axum::{Json, extract::State};
use patchwharf_db::bulletins;
use patchwharf_model::api::{BulletinChange, BulletinChoice, BulletinSeverity, Code};

use super::choice;
use crate::{
    access::Principal,
    api::{ApiError, ApiResult, Shared, extract},
    app::App,
    settings,
};

/// More at once are summed up in the log.
const LOGGED_ONE_BY_ONE: usize = 100;

/// Offers the updates of bulletins to computers again: policies and packages are as they were.
#[utoipa::path(post, path = "/bulletins/enable", tag = "bulletins", request_body = BulletinChoice,
    responses((status = 200, body = BulletinChange)))]
pub(super) async fn enable(
    State(app): Shared,
    who: Principal,
    extract::Json(choice): extract::Json<BulletinChoice>,
) -> ApiResult<Json<BulletinChange>> {
    set_enabled(&app, &who, choice, true).await
}

/// Withdraws the updates of bulletins from computers; policies and packages stay.
#[utoipa::path(post, path = "/bulletins/disable", tag = "bulletins", request_body = BulletinChoice,
    responses((status = 200, body = BulletinChange)))]
pub(super) async fn disable(
    State(app): Shared,
    who: Principal,
    extract::Json(choice): extract::Json<BulletinChoice>,
) -> ApiResult<Json<BulletinChange>> {
    set_enabled(&app, &who, choice, false).await
}

async fn set_enabled(
    app: &App,
    who: &Principal,
    choice: BulletinChoice,
    enabled: bool,
) -> ApiResult<Json<BulletinChange>> {
    let ids = choice::bulletins(app, choice).await?;
    let mut write = who.write(app).await?;
    let changed = bulletins::set_enabled(&mut write, &ids, enabled).await?;
    write.commit().await?;
    let verb = if enabled { "enabled" } else { "disabled" };
    let rows = bulletins::by_ids(&app.db, &changed).await?;
    for row in rows.iter().take(LOGGED_ONE_BY_ONE) {
        tracing::info!(bulletin = %row.bulletin_id, name = %row.name, "bulletin {verb}");
    }
    if let Some(more @ 1..) = rows.len().checked_sub(LOGGED_ONE_BY_ONE) {
        tracing::info!(more, "bulletins {verb}; the audit trail names each");
    }
    let policies = rows.iter().map(|row| row.policies).sum();
    Ok(Json(BulletinChange { chosen: ids.len() as u64, changed: changed.len() as u64, policies }))
}

/// A custom severity that bulletins can be given, by the list that is set (`severity.levels`).
async fn level(app: &App, text: &str) -> ApiResult<String> {
    if !settings::is_level(text) {
        let detail = "A custom severity has 1 to 50 characters and no control characters; `null` takes it away.";
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    settings::level(app, text).await?.map_err(|levels| {
        let detail = format!(
            "{text:?} is no custom severity here: use {}. The setting `severity.levels` has the list.",
            levels.join(", ")
        );
        ApiError::new(Code::InvalidBody, detail)
    })
}

/// Sets or takes away the administrator's own severity: one of the list `severity.levels`, where there is one.
#[utoipa::path(post, path = "/bulletins/severity", tag = "bulletins", request_body = BulletinSeverity,
    responses((status = 200, body = BulletinChange)))]
pub(super) async fn severity(
    State(app): Shared,
    who: Principal,
    extract::Json(wish): extract::Json<BulletinSeverity>,
) -> ApiResult<Json<BulletinChange>> {
    let severity = match wish.severity {
        Some(text) => Some(level(&app, &text).await?),
        None => None,
    };
    let ids = choice::bulletins(&app, wish.of).await?;
    let mut write = who.write(&app).await?;
    let changed = bulletins::set_custom_severity(&mut write, &ids, severity.as_deref()).await?;
    write.commit().await?;
    Ok(Json(BulletinChange { chosen: ids.len() as u64, changed: changed.len() as u64, policies: 0 }))
}
