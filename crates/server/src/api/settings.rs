//! What the server is set to.

use std::sync::Arc;

use axum::{Json, extract::State};
use patchwharf_model::api::{SettingChange, SettingPut, Settings};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiResult, Path, Shared, extract, locations};
use crate::{
    access::{By, Principal},
    app::App,
    operations::integrity::settings::{self as integrity, ByTheClock},
    settings,
};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(put))
}

/// Core Services as they stand; secrets are left out.
#[utoipa::path(get, path = "/settings", tag = "settings", responses((status = 200, body = Settings)))]
pub(crate) async fn show(State(app): Shared) -> ApiResult<Json<Settings>> {
    let locations = locations::view::shown(&app).await?;
    let database = if app.db.is_shared() { "postgres" } else { "sqlite" };
    Ok(Json(Settings {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        deployment: app.deployment,
        instance: app.instance,
        database: database.to_owned(),
        manifest_key: app.signing_key.public().to_string(),
        settings: settings::list(&app).await?,
        elsewhere: locations::view::elsewhere(&locations),
        locations,
        config: config(&app, ByTheClock::read(&app).await?),
    }))
}

/// Sets something by its name; `GET /settings` has all names, with what each means and what it can be. `package-location`:
/// new packages go there from now on; those that are there already stay where they are.
#[utoipa::path(put, path = "/settings/{name}", tag = "settings", params(("name" = String, Path)),
    request_body = SettingPut, responses((status = 200, body = SettingChange),
        (status = 422, description = "`location-unfit`, `invalid-setting`: the detail says what is allowed"),
        (status = 507, description = "`no-space`: a new location has no room beyond the reserve")))]
async fn put(
    State(app): Shared,
    who: Principal,
    Path(name): Path<String>,
    extract::Json(wish): extract::Json<SettingPut>,
) -> ApiResult<Json<SettingChange>> {
    Ok(Json(settings::set(&app, &name, &wish.value, &By::from(&who)).await?))
}

/// Every key of the configuration file with the value that counts, and what is set of the checks by the clock.
fn config(app: &App, checks: ByTheClock) -> serde_json::Value {
    let mut shown = crate::config::shown(&app.config);
    let checks = serde_json::json!({
        "light-every": integrity::every_text(checks.light_every),
        "full-every": integrity::every_text(checks.full_every),
        "max-bytes-per-second": checks.max_bytes_per_second,
        "only-between": checks.only_between,
    });
    shown.insert("integrity".into(), checks);
    shown.into()
}
