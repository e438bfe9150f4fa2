//! Check software update package integrity.

use axum::extract::State;
use patchwharf_model::{
    api::{Code, IntegrityStart, Job},
    job::{IntegrityCheck, JobRequest, Selection},
};

use super::choice;
use crate::api::{
    ApiError, ApiResult, Shared,
    extract::Json,
    locations,
    start::{self, Asked, Started},
};

/// Checks the integrity of software update packages: database and store compared both ways, every byte proved, what is
/// wrong named and, with `repair`, mended. The findings are under the job: `/jobs/{job}/findings`.
#[utoipa::path(post, path = "/store/integrity-check", tag = "packages", request_body = IntegrityStart,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn integrity_check(
    State(app): Shared,
    asked: Asked,
    Json(wish): Json<IntegrityStart>,
) -> ApiResult<Started> {
    if let Some(contradiction) = contradiction(&wish) {
        return Err(ApiError::new(Code::InvalidBody, contradiction));
    }
    let location = match &wish.location {
        None => None,
        Some(named) => Some(locations::named(&app, named).await?),
    };
    let of = match wish.of {
        None => Selection::All,
        Some(of) => choice::selection(&app, of).await?,
    };
    let check = IntegrityCheck {
        of,
        location,
        light: wish.light,
        past_cache: wish.past_cache,
        repair: wish.repair,
        dry_run: wish.dry_run,
        max_bytes_per_second: wish.max_bytes_per_second,
        only_between: wish.only_between,
        relocate: wish.relocate,
        link: wish.link,
        restage: wish.restage,
        delete_unused: wish.delete_unused,
    };
    start::job(&app, &asked, JobRequest::IntegrityCheck(check)).await
}

/// What does not go together.
fn contradiction(wish: &IntegrityStart) -> Option<&'static str> {
    if wish.light && wish.past_cache {
        Some("A light check reads no file: `past_cache` says nothing there. Leave one of the two out.")
    } else if wish.dry_run && !wish.repair && !wish.relocate && !wish.delete_unused {
        Some(
            "`dry_run` says what `repair`, `relocate` or `delete_unused` would do: give one of them too. A check without \
             them changes nothing anyway.",
        )
    } else if (wish.link || wish.restage) && !wish.relocate {
        Some("`link` and `restage` say how packages are moved: give `relocate` too.")
    } else if wish.max_bytes_per_second == Some(0) {
        Some("At 0 bytes per second the check would never end: give a rate, or leave it out.")
    } else {
        None
    }
}
