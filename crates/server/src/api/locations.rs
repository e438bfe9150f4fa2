//! Package locations.

mod adopt;
mod change;
mod prune;
mod read;
mod run;
pub(crate) mod view;

use std::sync::Arc;

use patchwharf_db::locations;
use patchwharf_model::{LocationId, api::Code};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiResult};
use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(read::list, change::create))
        .routes(routes!(change::delete))
        .routes(routes!(run::relocate))
        .routes(routes!(run::undo))
        .routes(routes!(adopt::adopt))
        .routes(routes!(prune::preview))
        .routes(routes!(prune::run))
}

/// A location by its id or its path.
pub(super) async fn named(app: &App, named: &str) -> ApiResult<LocationId> {
    let known = locations::list(&app.db).await?;
    let path = camino::Utf8Path::new(named);
    let found = known.iter().find(|row| row.location_id.to_string() == named || row.path == path);
    found.map(|row| row.location_id).ok_or_else(|| {
        let paths: Vec<&str> = known.iter().map(|row| row.path.as_str()).collect();
        ApiError::new(
            Code::NotFound,
            format!("There is no package location {named:?}; there are: {}.", paths.join(", ")),
        )
    })
}
