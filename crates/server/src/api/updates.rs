//! Software updates.

pub(super) mod view;

use std::sync::Arc;

use axum::{Json, extract::State};
use patchwharf_db::updates;
use patchwharf_model::api::UpdateDetailView;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiResult, Shared, extract::Path};
use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// An update with all that the catalogue says of it, by id, key or `FEED/KEY` (the slash as `%2F`).
#[utoipa::path(get, path = "/updates/{update}", tag = "updates", params(("update" = String, Path)),
    responses((status = 200, body = UpdateDetailView)))]
pub(crate) async fn show(State(app): Shared, Path(update): Path<String>) -> ApiResult<Json<UpdateDetailView>> {
    let id = resolve(&app, update).await?;
    let row = updates::show(&app.db, id).await?;
    let item = updates::item(&app.db, id).await?;
    let feed = row.feed_id;
    let mut detail = view::detail(row, &item)?;
    let mut named = detail.supersedes.clone();
    named.extend(detail.summary.superseded_by.clone());
    detail.related = updates::known(&app.db, feed, &named).await?.into_iter().map(view::reference).collect();
    Ok(Json(detail))
}

/// The one update that a name means.
pub(super) async fn resolve(app: &App, name: String) -> ApiResult<patchwharf_model::UpdateId> {
    let ids = updates::resolve(&app.db, std::slice::from_ref(&name)).await?;
    ids.into_iter().next().ok_or_else(|| {
        super::ApiError::new(patchwharf_model::api::Code::NotFound, format!("There is no update {name:?}."))
    })
}
