//! Adding and removing locations.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use patchwharf_db::locations as table;
use patchwharf_model::{
    LocationId,
    api::{Code, Location, LocationCreate, LocationRemove},
};

use super::view;
use crate::{
    access::{By, Principal},
    api::{ApiError, ApiResult, Path, Shared, extract},
    locations,
    words::bytes,
};

/// Adds a location: made in a folder that is empty or not there yet, or opened where one of this deployment lies. Where
/// the folder of a known location was moved to as a whole, its path is changed. New packages go there only when
/// `package-location` is set to it.
#[utoipa::path(post, path = "/locations", tag = "locations", request_body = LocationCreate,
    responses((status = 201, body = Location),
        (status = 409, description = "`conflict`: the location that lies there is still where it was, too"), (status = 422, description = "`location-unfit`: the detail says why"),
        (status = 507, description = "`no-space`")))]
pub(super) async fn create(
    State(app): Shared,
    who: Principal,
    extract::Json(wish): extract::Json<LocationCreate>,
) -> ApiResult<Response> {
    let change = locations::add(&app, wish.path.as_str().into(), &By::from(&who)).await?;
    let all = view::all(&app).await?;
    let gone = || ApiError::new(Code::NotFound, "The location was removed again meanwhile.");
    let location = all.into_iter().find(|location| location.id == change.id).ok_or_else(gone)?;
    let place = format!("/api/v1/locations/{}", change.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(location)).into_response())
}

/// Forgets a location at which nothing is recorded any more, or one that is lost: its folder is not there, or does not
/// answer. The folder and what lies in it stay.
#[utoipa::path(delete, path = "/locations/{location}", tag = "locations",
    params(("location" = LocationId, Path), LocationRemove), responses((status = 204),
        (status = 409, description = "`conflict`: packages or originals are recorded there, it is the default, or it is not \
            lost; `confirmation-needed`: giving up packages wants their number")))]
pub(super) async fn delete(
    State(app): Shared,
    who: Principal,
    Path(id): Path<LocationId>,
    extract::Query(wish): extract::Query<LocationRemove>,
) -> ApiResult<StatusCode> {
    if wish.lost {
        let row = table::show(&app.db, id).await?;
        locations::is_lost(&app, &row).await?.map_err(|why| ApiError::new(Code::Conflict, why))?;
        let used = table::usage(&app.db).await?.into_iter().find(|used| used.location_id == id);
        let packages = used.as_ref().map_or(0, |used| used.packages);
        if packages > 0 && wish.confirm != Some(packages) {
            let detail = format!(
                "This would give up {packages} packages ({}) that are served from there: they would be missing until \
                 they are fetched anew. If their originals still lie at another location, `patchwharf location undo` goes \
                 back to them first. To give them up, say their number: `confirm` = {packages} (`--confirm {packages}`).",
                bytes(used.map_or(0, |used| used.size_bytes))
            );
            return Err(ApiError::new(Code::ConfirmationNeeded, detail));
        }
    }
    let mut write = who.write(&app).await?;
    table::remove(&mut write, id, wish.lost).await?;
    write.commit().await?;
    tracing::info!(location = %id, lost = wish.lost, "package location forgotten");
    app.locations.reload(&app.db).await?;
    Ok(StatusCode::NO_CONTENT)
}
