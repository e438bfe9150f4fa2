//! List and show.

use axum::{Json, extract::State};
use patchwharf_db::{
    bulletins::{self, BulletinFilter, BulletinQuery, BulletinSort},
    feeds,
};
use patchwharf_model::api::{Feed, Page};

use super::view;
use crate::{
    api::{ApiResult, Shared, extract::Path, page},
    app::App,
};

/// All feeds by name.
#[utoipa::path(get, path = "/feeds", tag = "feeds", responses((status = 200, body = Page<Feed>)))]
pub(crate) async fn list(State(app): Shared) -> ApiResult<Json<Page<Feed>>> {
    let rows = feeds::list(&app.db, false).await?;
    let feeds: ApiResult<Vec<_>> = rows.into_iter().map(|row| view::feed(row, None)).collect();
    Ok(Json(page::whole(feeds?)))
}

/// A feed, by id or name.
#[utoipa::path(get, path = "/feeds/{feed}", tag = "feeds", params(("feed" = String, Path)), responses((status = 200, body = Feed)))]
pub(crate) async fn show(State(app): Shared, Path(name): Path<String>) -> ApiResult<Json<Feed>> {
    Ok(Json(detail(&app, &name).await?))
}

pub(super) async fn detail(app: &App, name: &str) -> ApiResult<Feed> {
    let row = feeds::show(&app.db, name).await?;
    let query = BulletinQuery {
        filter: BulletinFilter { feed: Some(row.feed_id), ..BulletinFilter::default() },
        sort: BulletinSort::Name,
        descending: false,
        cursor: None,
        limit: 1,
        with_total: true,
    };
    let bulletins = bulletins::list(&app.db, &query).await?.total;
    view::feed(row, bulletins)
}
