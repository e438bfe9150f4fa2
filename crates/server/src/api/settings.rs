//! What the server is set to.

use std::sync::Arc;

use axum::{Json, extract::State};
use patchwharf_model::api::{SettingChange, SettingPut, Settings};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiResult, Path, Shared, extract, locations};
use crate::{app::App, operations::integrity::settings::ByTheClock, settings};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(put))
}

/// Core Services as they stand; secrets are left out.
#[utoipa::path(get, path = "/settings", tag = "settings", responses((status = 200, body = Settings)))]
async fn show(State(app): Shared) -> ApiResult<Json<Settings>> {
    let locations = locations::view::all(&app).await?;
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

/// Sets something: `package-location` (new packages go there from now on; those that are there already stay where they
/// are), `originals.keep-for`, `integrity.light-every`, `integrity.full-every`, `integrity.max-rate`,
/// `integrity.only-between`.
#[utoipa::path(put, path = "/settings/{name}", tag = "settings", params(("name" = String, Path)),
    request_body = SettingPut, responses((status = 200, body = SettingChange),
        (status = 422, description = "`location-unfit`, `invalid-setting`: the detail says what is allowed"),
        (status = 507, description = "`no-space`: a new location has no room beyond the reserve")))]
async fn put(
    State(app): Shared,
    Path(name): Path<String>,
    extract::Json(wish): extract::Json<SettingPut>,
) -> ApiResult<Json<SettingChange>> {
    Ok(Json(settings::set(&app, &name, &wish.value, "admin").await?))
}

/// What an administrator looks for; URLs with passwords (database, proxy) only say whether they are set.
fn config(app: &App, checks: ByTheClock) -> serde_json::Value {
    let config = &app.config;
    serde_json::json!({
        "data": config.data,
        "listen": config.listen,
        "workers": config.workers,
        "lease-seconds": config.lease.as_secs(),
        "packages": {
            "anonymous": config.packages.anonymous,
            "grace-seconds": config.packages.grace.as_secs(),
            "verify-every-seconds": config.packages.verify_every.as_secs(),
            "keep-quarantine-seconds": config.packages.keep_quarantine.as_secs(),
        },
        "integrity": {
            "light-every-seconds": checks.light_every.as_secs(),
            "full-every-seconds": checks.full_every.as_secs(),
            "max-bytes-per-second": checks.max_bytes_per_second,
            "only-between": checks.only_between,
        },
        "parser": {
            "memory-bytes": config.parser.memory_bytes,
            "cpu-seconds": config.parser.cpu.as_secs(),
            "wall-seconds": config.parser.wall.as_secs(),
        },
        "log": { "filter": config.log.filter, "keep-seconds": config.log.keep.as_secs() },
        "fetch": {
            "parallel": config.fetch.parallel,
            "per-host": config.fetch.per_host,
            "attempts": config.fetch.attempts,
            "connect-timeout-seconds": config.fetch.connect_timeout.as_secs(),
            "idle-timeout-seconds": config.fetch.idle_timeout.as_secs(),
            "min-speed-bytes-per-second": config.fetch.min_speed_bytes_per_second,
            "max-bytes-per-second": config.fetch.max_bytes_per_second,
            "reserve-bytes": config.fetch.reserve_bytes,
            "proxy-set": config.fetch.proxy.is_some(),
            "ca-file": config.fetch.ca_file,
            "crls": config.fetch.crls,
            "allow-networks": config.fetch.allow_networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "allow-hosts": config.fetch.allow_hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}
