//! What the server is set to.

use std::sync::Arc;

use axum::{Json, extract::State};
use patchwharf_model::api::{Location, Settings};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiResult, Shared};
use crate::{app::App, operations::integrity::settings::ByTheClock};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Core Services as they stand; secrets are left out.
#[utoipa::path(get, path = "/settings", tag = "settings", responses((status = 200, body = Settings)))]
async fn show(State(app): Shared) -> ApiResult<Json<Settings>> {
    let rows = patchwharf_db::locations::list(&app.db).await?;
    let database = if app.db.is_shared() { "postgres" } else { "sqlite" };
    Ok(Json(Settings {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        deployment: app.deployment,
        instance: app.instance,
        database: database.to_owned(),
        manifest_key: app.signing_key.public().to_string(),
        locations: rows.into_iter().map(location).collect(),
        config: config(&app, ByTheClock::read(&app).await?),
    }))
}

fn location(row: patchwharf_db::locations::Location) -> Location {
    let space = rustix::fs::statvfs(row.path.as_std_path()).ok();
    Location {
        id: row.location_id,
        path: row.path.into_string(),
        is_default: row.is_default,
        created_at: row.created_at,
        free_bytes: space.as_ref().map(|s| s.f_bavail * s.f_frsize),
        total_bytes: space.as_ref().map(|s| s.f_blocks * s.f_frsize),
    }
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
