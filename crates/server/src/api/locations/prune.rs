//! Removing originals, and the guard against a removal that nobody meant.

use axum::{Json, extract::State};
use patchwharf_db::{locations as table, packages};
use patchwharf_model::{
    LocationId, Timestamp,
    api::{Code, Job, PrunePreview, PruneStart},
    job::{JobRequest, Selection},
};

use super::run::chosen;

use crate::{
    api::{
        ApiError, ApiResult, Path, Shared, extract,
        packages::is_large,
        start::{self, Asked, Started},
    },
    app::App,
    operations::selection,
    settings,
    words::bytes,
};

/// Counts what `POST /locations/{location}/prune` would take; changes nothing. A dry run of the job proves every copy too.
#[utoipa::path(post, path = "/locations/{location}/prune/preview", tag = "locations", request_body = PruneStart,
    params(("location" = LocationId, Path)), responses((status = 200, body = PrunePreview)))]
pub(super) async fn preview(
    State(app): Shared,
    Path(id): Path<LocationId>,
    extract::Json(wish): extract::Json<PruneStart>,
) -> ApiResult<Json<PrunePreview>> {
    let of = chosen(&app, wish.of).await?;
    Ok(Json(count(&app, &of, id).await?.0))
}

/// Removes originals at a location, each after a fresh proof of the copy that is served. What a download still reads from
/// there stays, and so does every file that this server did not put there.
#[utoipa::path(post, path = "/locations/{location}/prune", tag = "locations", request_body = PruneStart,
    params(("location" = LocationId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Job),
        (status = 409, description = "`confirmation-needed`: so many are removed only by a request that says their number")))]
pub(super) async fn run(
    State(app): Shared,
    Path(id): Path<LocationId>,
    asked: Asked,
    extract::Json(wish): extract::Json<PruneStart>,
) -> ApiResult<Started> {
    let of = chosen(&app, wish.of).await?;
    let (preview, before) = count(&app, &of, id).await?;
    match preview.confirm {
        Some(number) if !wish.dry_run && wish.confirm != Some(number) => {
            let said = wish.confirm.map_or_else(String::new, |said| format!(" It said {said}."));
            let detail = format!(
                "This would remove {number} originals ({}) at {}. So many are removed only by a request that says \
                 their number: `confirm` = {number} (`--confirm {number}`).{said} Nothing was removed.",
                bytes(preview.size_bytes),
                preview.path
            );
            return Err(ApiError::new(Code::ConfirmationNeeded, detail));
        }
        _ => {}
    }
    start::job(&app, &asked, JobRequest::Prune { of, location: id, before, dry_run: wish.dry_run }).await
}

/// What may go now, and the time before which it was left behind.
async fn count(app: &App, of: &Selection, id: LocationId) -> ApiResult<(PrunePreview, Timestamp)> {
    let row = table::show(&app.db, id).await?;
    let keep = settings::duration(app, &settings::KEEP_ORIGINALS).await?;
    let before = app.clock.now().checked_sub(keep).unwrap_or(Timestamp::MIN);
    let of = selection::chosen(&app.db, of).await?;
    let due = packages::original_totals(&app.db, id, before, of.as_deref()).await?;
    let all = packages::original_totals(&app.db, id, Timestamp::MAX, of.as_deref()).await?;
    let usage = table::usage(&app.db).await?;
    let everything: u64 = usage.iter().map(|used| used.packages).sum();
    let preview = PrunePreview {
        location: id,
        path: row.path.into_string(),
        originals: due.versions,
        size_bytes: due.size_bytes,
        same_data_bytes: due.same_data_bytes,
        young: all.versions - due.versions.min(all.versions),
        packages: usage.iter().find(|used| used.location_id == id).map_or(0, |used| used.packages),
        confirm: is_large(due.versions, everything).then_some(due.versions),
    };
    Ok((preview, before))
}
