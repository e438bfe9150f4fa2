//! What an action on bulletins would touch, before it is done.

use axum::{Json, extract::State};
use patchwharf_db::bulletins;
use patchwharf_model::api::{BulletinChoice, BulletinPreview, PolicyReference};

use super::choice;
use crate::api::{ApiResult, Shared, extract};

/// Names that are shown.
const NAMES: usize = 20;

/// Counts what an action on these bulletins would touch; changes nothing.
#[utoipa::path(post, path = "/bulletins/preview", tag = "bulletins", request_body = BulletinChoice,
    responses((status = 200, body = BulletinPreview)))]
pub(super) async fn preview(
    State(app): Shared,
    extract::Json(choice): extract::Json<BulletinChoice>,
) -> ApiResult<Json<BulletinPreview>> {
    let ids = choice::bulletins(&app, choice).await?;
    let first = ids.get(..NAMES).unwrap_or(&ids);
    let names = bulletins::by_ids(&app.db, first).await?.into_iter().map(|row| row.name).collect();
    let touched = bulletins::touched(&app.db, &ids).await?;
    let policies = bulletins::policies(&app.db, &ids).await?;
    Ok(Json(BulletinPreview {
        bulletins: ids.len() as u64,
        names,
        policies: policies.into_iter().map(|row| PolicyReference { id: row.policy_id, name: row.name }).collect(),
        updates: touched.updates,
        size_bytes: touched.size_bytes,
        missing: touched.missing,
        missing_bytes: touched.missing_bytes,
    }))
}
