//! Remove a feed.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use patchwharf_db::{
    bulletins::{self, BulletinFilter},
    feeds, packages, updates,
};
use patchwharf_model::{
    FeedId, PackageId,
    api::{Code, FeedRemoval, FeedRemovalPreview, FeedRemove, Job},
    job::JobRequest,
};

use crate::{
    api::{
        ApiError, ApiResult, Shared,
        extract::{Path, Query},
        packages::{confirmed, count, needed},
        start::{self, Asked},
    },
    app::App,
};

/// Removes a feed. With `packages=purge` and packages left, the answer is 202 with the job that deletes them; ask again
/// when it is done.
#[utoipa::path(delete, path = "/feeds/{feed}", tag = "feeds", params(("feed" = String, Path), FeedRemove),
    responses((status = 204), (status = 202, body = Job), (status = 409, description = "It has packages: `still-needed`")))]
pub(super) async fn remove(
    State(app): Shared,
    Path(name): Path<String>,
    Query(wish): Query<FeedRemove>,
    asked: Asked,
) -> ApiResult<Response> {
    let feed = feeds::show(&app.db, &name).await?;
    let removal = match wish.packages {
        FeedRemoval::Keep => feeds::Removal::Keep,
        FeedRemoval::Refuse => feeds::Removal::Refuse,
        FeedRemoval::Purge => {
            let packages = of_feed(&app, feed.feed_id).await?;
            if !packages.is_empty() {
                confirmed(&app, &packages, wish.confirm).await?;
                return purge(&app, &asked, packages, wish.although_needed).await;
            }
            if wish.although_needed { feeds::Removal::Purged } else { feeds::Removal::Refuse }
        }
    };
    let mut write = asked.who.write(&app).await?;
    feeds::remove(&mut write, feed.feed_id, removal)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::StillNeeded))?;
    write.commit().await?;
    tracing::info!(feed.id = %feed.feed_id, feed.name = %feed.name, "feed removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Counts what removing a feed with all its packages would take, and says what refers to it; changes nothing.
#[utoipa::path(get, path = "/feeds/{feed}/removal", tag = "feeds", params(("feed" = String, Path)),
    responses((status = 200, body = FeedRemovalPreview)))]
pub(super) async fn removal_preview(
    State(app): Shared,
    Path(name): Path<String>,
) -> ApiResult<Json<FeedRemovalPreview>> {
    let feed = feeds::show(&app.db, &name).await?.feed_id;
    let filter = BulletinFilter { feed: Some(feed), ..BulletinFilter::default() };
    let bulletins = bulletins::ids(&app.db, &filter, u32::MAX >> 1).await?.len() as u64;
    let packages = of_feed(&app, feed).await?;
    Ok(Json(FeedRemovalPreview { bulletins, deletion: count(&app, &packages).await? }))
}

async fn purge(app: &Arc<App>, asked: &Asked, packages: Vec<PackageId>, although_needed: bool) -> ApiResult<Response> {
    if !although_needed {
        needed(app, &packages).await?;
    }
    Ok(start::job(app, asked, JobRequest::Delete { packages, although_needed }).await?.into_response())
}

/// Every package of the feed's updates, replaced ones included.
async fn of_feed(app: &App, feed: FeedId) -> ApiResult<Vec<PackageId>> {
    let filter = BulletinFilter { feed: Some(feed), ..BulletinFilter::default() };
    let mut found = BTreeSet::new();
    for some in bulletins::ids(&app.db, &filter, u32::MAX >> 1).await?.chunks(500) {
        let updates = updates::by_bulletins(&app.db, some).await?;
        found.extend(updates.iter().filter_map(|update| update.package_id));
        let ids: Vec<_> = updates.iter().map(|update| update.update_id).collect();
        found.extend(packages::versions_of(&app.db, &ids).await?.iter().map(|version| version.package_id));
    }
    Ok(found.into_iter().collect())
}
