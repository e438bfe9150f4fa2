//! The admin API under `/api/v1`, package downloads, health and metrics: thin handlers that parse, call, and map.

pub(crate) mod accounts;
pub(crate) mod answer;
pub(crate) mod audit;
mod auth;
mod backups;
mod body;
pub(crate) mod bulletins;
mod document;
mod error;
mod export;
pub(crate) mod extract;
pub(crate) mod feeds;
mod health;
pub(crate) mod jobs;
pub(crate) mod locations;
pub(crate) mod logs;
mod notifications;
pub(crate) mod packages;
mod page;
pub(crate) mod policies;
mod query_names;
pub(crate) mod session;
pub(crate) mod settings;
mod start;
pub(crate) mod tokens;
pub(crate) mod updates;
pub(crate) mod views;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    middleware::{from_fn_with_state, map_response},
    routing::get,
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use error::{ApiError, ApiResult};
pub(crate) use extract::Path;

use crate::{app::App, console, serve};

/// What handlers share.
pub(crate) type Shared = State<Arc<App>>;

/// Every address of the server, guarded, with errors as problem documents.
pub fn router(app: Arc<App>) -> Router {
    let (router, mut document) = routes().split_for_parts();
    document::complete(&mut document);
    let names = Arc::new(query_names::QueryNames::of(&document));
    let document = Arc::new(document);
    router
        .merge(console::routes())
        .route("/api/openapi.json", get(move || async move { Json(Arc::unwrap_or_clone(document)) }))
        .fallback(answer::no_route)
        .method_not_allowed_fallback(answer::no_method)
        .layer(from_fn_with_state(names, query_names::check))
        .layer(map_response(answer::refused_by_framework))
        .layer(from_fn_with_state(Arc::clone(&app), auth::guard))
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(from_fn_with_state(Arc::clone(&app), answer::finish))
        .with_state(app)
}

/// The description of the API.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = routes().into_openapi();
    document::complete(&mut document);
    document
}

fn routes() -> OpenApiRouter<Arc<App>> {
    let v1 = OpenApiRouter::new()
        .merge(feeds::routes())
        .merge(bulletins::routes())
        .merge(updates::routes())
        .merge(packages::routes())
        .merge(policies::routes())
        .merge(jobs::routes())
        .merge(logs::routes())
        .merge(settings::routes())
        .merge(locations::routes())
        .merge(audit::routes())
        .merge(backups::routes())
        .merge(notifications::routes())
        .merge(session::routes())
        .merge(tokens::routes())
        .merge(views::routes())
        .merge(accounts::routes());
    OpenApiRouter::with_openapi(document::base())
        .nest("/api/v1", v1)
        .routes(routes!(serve::file))
        .routes(routes!(health::health))
        .routes(routes!(health::metrics))
}
