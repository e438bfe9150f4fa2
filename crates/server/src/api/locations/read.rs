//! Listing locations.

use axum::{Json, extract::State};
use patchwharf_model::api::Location;

use super::view;
use crate::api::{ApiResult, Shared};

/// All package locations, the default one first, with what lies there.
#[utoipa::path(get, path = "/locations", tag = "locations", responses((status = 200, body = Vec<Location>)))]
pub(super) async fn list(State(app): Shared) -> ApiResult<Json<Vec<Location>>> {
    Ok(Json(view::all(&app).await?))
}
