//! What a deletion would take, and the guard against one that nobody meant (D-10).

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use patchwharf_db::packages;
use patchwharf_model::{
    PackageId,
    api::{Code, DeletionPreview, PackageDelete, PolicyReference},
};

use super::choice;
use crate::{
    api::{ApiError, ApiResult, Shared, extract},
    app::App,
    words::bytes,
};

/// More packages at once are confirmed by their number.
const MANY: u64 = 100;
/// So are more than this share of all packages, where they are more than a handful.
const SHARE_PERCENT: u64 = 5;
const HANDFUL: u64 = 10;

/// Counts what `POST /packages/delete` would take, and says what refers to it; changes nothing.
#[utoipa::path(post, path = "/packages/delete/preview", tag = "packages", request_body = PackageDelete,
    responses((status = 200, body = DeletionPreview)))]
pub(super) async fn deletion_preview(
    State(app): Shared,
    extract::Json(wish): extract::Json<PackageDelete>,
) -> ApiResult<Json<DeletionPreview>> {
    let chosen = choice::named(&app, wish.of).await?;
    Ok(Json(count(&app, &chosen).await?))
}

/// Counts what deleting these packages would take.
pub(in crate::api) async fn count(app: &App, chosen: &[PackageId]) -> ApiResult<DeletionPreview> {
    let freed = packages::freed(&app.db, chosen).await?;
    let needed = packages::needed_by(&app.db, chosen).await?;
    let policies: BTreeSet<_> =
        needed.iter().map(|row| PolicyReference { id: row.policy_id, name: row.policy.clone() }).collect();
    let jobs = packages::held_by(&app.db, chosen, app.clock.now()).await?;
    let chosen = chosen.len() as u64;
    Ok(DeletionPreview {
        packages: chosen,
        of_packages: freed.of_packages,
        files: freed.files,
        size_bytes: freed.size_bytes,
        freed_bytes: freed.freed_bytes,
        needed: needed.iter().map(|row| row.package_id).collect::<BTreeSet<_>>().len() as u64,
        policies: policies.into_iter().collect(),
        jobs,
        originals: freed.originals,
        original_bytes: freed.original_bytes,
        confirm: is_large(chosen, freed.of_packages).then_some(chosen),
    })
}

/// Whether so many of all packages are removed only by a request that says their number.
pub(in crate::api) fn is_large(chosen: u64, of_packages: u64) -> bool {
    chosen > MANY || (chosen > HANDFUL && chosen * 100 > of_packages * SHARE_PERCENT)
}

/// Refuses a large deletion whose number nobody has said.
pub(in crate::api) async fn confirmed(app: &App, chosen: &[PackageId], said: Option<u64>) -> ApiResult<()> {
    let preview = count(app, chosen).await?;
    match preview.confirm {
        Some(number) if said != Some(number) => {
            let said = said.map_or_else(String::new, |said| format!(" It said {said}."));
            let detail = format!(
                "This would delete {number} of {} packages ({} files, {}). So many are deleted only by a request \
                 that says their number: `confirm` = {number} (`--confirm {number}`).{said} Nothing was deleted.",
                preview.of_packages,
                preview.files,
                bytes(preview.size_bytes)
            );
            Err(ApiError::new(Code::ConfirmationNeeded, detail))
        }
        _ => Ok(()),
    }
}
