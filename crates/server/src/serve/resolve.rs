//! From the address of a file to an open, proved file, or to the reason why there is none.

use std::sync::Arc;

use patchwharf_db::packages::{self, Content, Successor};
use patchwharf_model::{FileName, LocationId, PackageId, Sha256, api::Code, package::VersionState};
use patchwharf_store::{
    Location,
    fault::{self, Mutant},
};

use super::{
    Proved,
    proof::{self, Found, Place},
};
use crate::{
    api::{ApiError, ApiResult},
    app::App,
};

/// Times that a file is looked for again because it was moved between the look at its row and the look at the disk.
const MOVES: usize = 3;

/// The file of an address, or of the version that took its place while the content is the same.
pub(super) async fn file(app: &Arc<App>, package: PackageId, version: u64, name: &FileName) -> ApiResult<Proved> {
    let Some(content) = packages::content(&app.db, package, version, name.as_str()).await? else {
        return Err(gone(app, package, version, name).await?);
    };
    let place = Place { package, version, name: name.clone() };
    match content.version_state {
        VersionState::Retired | VersionState::Deleting => old(app, place, content).await,
        _ => current(app, place, content).await,
    }
}

async fn current(app: &Arc<App>, place: Place, content: Content) -> ApiResult<Proved> {
    if content.unproved {
        return Err(unproved(&place));
    }
    match (content.state, content.sha256) {
        (VersionState::Staged, Some(sha256)) => {
            let is_served = content.current_version == Some(place.version);
            match open(app, &place, &content, sha256).await? {
                Found::Good(proved) => Ok(proved),
                Found::Bad(bad) if is_served => Err(proof::damaged(app, &place, &content, bad).await),
                Found::Bad(bad) => Err(ApiError::new(Code::NotStaged, bad.reason)),
            }
        }
        (state @ (VersionState::Corrupt | VersionState::Missing), _) => {
            Err(proof::known_damage(app, &place, state, &content.reason).await)
        }
        (state, _) => {
            let why = if content.reason.is_empty() { String::new() } else { format!(": {}", content.reason) };
            let detail = format!("{} of package {} is {state}{why}.", place.name, place.package);
            Err(ApiError::new(Code::NotStaged, detail))
        }
    }
}

fn unproved(place: &Place) -> ApiError {
    let detail = format!(
        "Package {} was found on disk, and nobody vouches for its digests yet: it is served when a feed names them \
         (`patchwharf feed add`, `patchwharf feed import`), or a key that is trusted has signed them \
         (`patchwharf store rebuild --trust`).",
        place.package
    );
    ApiError::new(Code::Unproved, detail)
}

/// A version that has been replaced: its own bytes as long as they lie there whole, else those of the version that
/// took its place if they are the same. Bytes that nobody vouches for are nobody's, replaced or not.
async fn old(app: &Arc<App>, place: Place, content: Content) -> ApiResult<Proved> {
    let Some(sha256) = content.sha256 else { return Err(gone_place(app, &place).await?) };
    let is_kept = content.version_state == VersionState::Retired;
    if is_kept
        && !content.unproved
        && content.state == VersionState::Staged
        && let Found::Good(proved) = open(app, &place, &content, sha256).await?
    {
        return Ok(proved);
    }
    match packages::successor(&app.db, place.package, place.name.as_str()).await? {
        Some(Successor { package_id, version, sha256: Some(same) }) if same == sha256 => {
            let place = Place { package: package_id, version, name: place.name };
            match packages::content(&app.db, package_id, version, place.name.as_str()).await? {
                Some(content) => current(app, place, content).await,
                None => Err(gone_place(app, &place).await?),
            }
        }
        _ if is_kept && content.unproved => Err(unproved(&place)),
        _ => Err(gone_place(app, &place).await?),
    }
}

/// Opens and proves a file where its row says that it is. One that was moved meanwhile is looked for at its new place:
/// the old one may be gone already.
async fn open(app: &Arc<App>, place: &Place, content: &Content, sha256: Sha256) -> ApiResult<Found> {
    let mut content = content.clone();
    for _ in 0..MOVES {
        match open_at(app, place, &content, sha256).await {
            Ok(Found::Good(proved)) => return Ok(Found::Good(proved)),
            bad => {
                let name = place.name.as_str();
                match packages::content(&app.db, place.package, place.version, name).await? {
                    Some(now) if now.location_id != content.location_id => content = now,
                    _ => return bad,
                }
            }
        }
    }
    open_at(app, place, &content, sha256).await
}

async fn open_at(app: &Arc<App>, place: &Place, content: &Content, sha256: Sha256) -> ApiResult<Found> {
    let location = location_of(app, content.location_id).await?;
    let (package, version, name) = (place.package, place.version, place.name.clone());
    let opened = {
        let location = Arc::clone(&location);
        tokio::task::spawn_blocking(move || location.open_file(package, version, &name)).await
    };
    let (file, stamp) = match opened.map_err(ApiError::internal)? {
        Ok(opened) => opened,
        Err(error) if error.is_shortage() => {
            let detail = "The server has no descriptor or no memory left to open the file. Try again in a moment.";
            return Err(ApiError::new(Code::Busy, detail).because(error));
        }
        Err(error) => return Ok(Found::Bad(proof::Bad::from_disk(&error))),
    };
    let is_proved = content
        .proof
        .is_some_and(|(proved, _)| stamp.size_bytes == content.size_bytes && location.stamps().stands(&proved, &stamp));
    let file = Arc::new(file);
    if is_proved || fault::mutant(Mutant::ServeUnverified) {
        let lease = app.downloads.lease(content.location_id, place);
        return Ok(Found::Good(Proved { file, size_bytes: stamp.size_bytes, mtime_ns: stamp.mtime_ns, sha256, lease }));
    }
    proof::renew(app, place, content, sha256, file, stamp).await
}

/// The open location of that id. One that another server has added a moment ago is opened now.
async fn location_of(app: &App, id: LocationId) -> ApiResult<Arc<Location>> {
    if app.locations.entries().iter().all(|entry| entry.id != id) {
        app.locations.reload(&app.db).await?;
    }
    Ok(app.locations.get(id)?)
}

async fn gone_place(app: &App, place: &Place) -> ApiResult<ApiError> {
    gone(app, place.package, place.version, &place.name).await
}

/// 410 when the version has been replaced, 404 when it never had such a file.
async fn gone(app: &App, package: PackageId, version: u64, name: &FileName) -> ApiResult<ApiError> {
    let now = packages::successor(&app.db, package, name.as_str()).await?;
    Ok(match now.filter(|now| (now.package_id, now.version) != (package, version)) {
        Some(now) => ApiError::new(
            Code::VersionGone,
            format!("This version is gone; the current one is /packages/{}/{}/{name}.", now.package_id, now.version),
        )
        .with_items(vec![format!("/packages/{}/{}/{name}", now.package_id, now.version)]),
        None => ApiError::new(Code::NotFound, "There is no such file."),
    })
}
