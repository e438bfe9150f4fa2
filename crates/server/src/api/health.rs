//! Health and metrics.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use camino::Utf8Path;
use patchwharf_model::api::{Health, HealthCheck};

use super::{ApiError, ApiResult, Shared};

/// Whether the server can do its work: the database answers, and packages can be written. A location other than the
/// default one that is away makes it `degraded`, and 200 all the same: everything else is served. Needs no token.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(super) async fn health(State(app): Shared) -> Response {
    let (mut checks, mut others) = (Vec::new(), Vec::new());
    match patchwharf_db::locations::list(&app.db).await {
        Ok(locations) => {
            checks.push(check("database", app.db.damage().map(|_| "is damaged and only read")));
            for location in locations {
                let name = format!("location {}", location.location_id);
                let reason = if app.locations.get(location.location_id).is_err() {
                    Some("is not open")
                } else {
                    (!is_writable(&location.path)).then_some("cannot be written")
                };
                if location.is_default || reason.is_none() {
                    checks.push(check(&name, reason));
                } else {
                    others.push(check(&name, reason));
                }
            }
        }
        Err(error) => {
            tracing::warn!(%error, "health: the database does not answer");
            checks.push(check("database", Some("does not answer")));
        }
    }
    let well = checks.iter().all(|check| check.ok);
    let (status, text) = match (well, others.is_empty()) {
        (true, true) => (StatusCode::OK, "ok"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    checks.append(&mut others);
    (status, Json(Health { status: text.to_owned(), checks })).into_response()
}

fn check(name: &str, reason: Option<&str>) -> HealthCheck {
    HealthCheck { name: name.to_owned(), ok: reason.is_none(), reason: reason.unwrap_or_default().to_owned() }
}

/// Asks the file system without writing: a probe must not wear the disk or leave files behind.
fn is_writable(path: &Utf8Path) -> bool {
    use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
    let path = path.as_std_path();
    access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
        && statvfs(path).is_ok_and(|space| !space.f_flag.contains(StatVfsMountFlags::RDONLY) && space.f_bavail > 0)
}

/// Counters in the text format of OpenMetrics. Needs no token on loopback.
#[utoipa::path(get, path = "/metrics", tag = "health", security((), ("token" = [])),
    responses((status = 200, content_type = "application/openmetrics-text", body = String)))]
pub(super) async fn metrics(State(app): Shared) -> ApiResult<Response> {
    match app.counts.states(&app.db).await {
        Ok(states) => app.metrics.set_packages(&states),
        // The other counters are worth having all the same.
        Err(error) => tracing::warn!(%error, "metrics: packages cannot be counted"),
    }
    let text = app.metrics.text().map_err(ApiError::internal)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
