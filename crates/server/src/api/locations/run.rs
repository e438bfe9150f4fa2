//! Relocation and the way back: each a job.

use axum::extract::State;
use patchwharf_db::locations as table;
use patchwharf_model::{
    LocationId,
    api::{Code, Job, PackageChoice, RelocationStart, UndoStart},
    job::{JobRequest, Selection},
};

use crate::{
    api::{
        ApiError, ApiResult, Path, Shared,
        extract::Json,
        packages,
        start::{self, Asked, Started},
    },
    app::App,
};

/// Moves packages to another location while they are served. Their originals stay where they were until they are pruned.
/// With `dry_run` everything that could be in the way is looked at, and the time that it would take is estimated.
#[utoipa::path(post, path = "/locations/relocate", tag = "locations", request_body = RelocationStart,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn relocate(
    State(app): Shared,
    asked: Asked,
    Json(wish): Json<RelocationStart>,
) -> ApiResult<Started> {
    let to = match wish.to {
        Some(to) => table::show(&app.db, to).await?.location_id,
        None => app.locations.default_location()?.id(),
    };
    if let Some(from) = wish.from {
        table::show(&app.db, from).await?;
    }
    if wish.from == Some(to) {
        return Err(ApiError::new(Code::Conflict, "Packages cannot be moved from a location to itself; name two."));
    }
    let of = chosen(&app, wish.of).await?;
    let (from, link, restage, dry_run) = (wish.from, wish.link, wish.restage, wish.dry_run);
    start::job(&app, &asked, JobRequest::Relocate { of, from, to, link, restage, dry_run }).await
}

/// Serves what was moved to this location from its originals again, without copying. Each original is hashed first.
#[utoipa::path(post, path = "/locations/{location}/undo", tag = "locations", request_body = UndoStart,
    params(("location" = LocationId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Job)))]
pub(super) async fn undo(
    State(app): Shared,
    Path(from): Path<LocationId>,
    asked: Asked,
    Json(wish): Json<UndoStart>,
) -> ApiResult<Started> {
    table::show(&app.db, from).await?;
    let to = table::show(&app.db, wish.to).await?.location_id;
    if from == to {
        return Err(ApiError::new(Code::Conflict, "Name the location that packages were moved to and the one before."));
    }
    let of = chosen(&app, wish.of).await?;
    start::job(&app, &asked, JobRequest::UndoRelocation { of, from, to, dry_run: wish.dry_run }).await
}

/// The packages that were named; none: all.
pub(super) async fn chosen(app: &App, choice: Option<PackageChoice>) -> ApiResult<Selection> {
    match choice {
        Some(choice) => packages::selection(app, choice).await,
        None => Ok(Selection::All),
    }
}
