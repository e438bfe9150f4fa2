//! List, show, and what refers to a bulletin.

use std::collections::HashMap;

use axum::{Json, extract::State};
use patchwharf_db::{
    bulletins,
    bulletins::{Bulletin, Trouble},
    updates,
};
use patchwharf_model::{
    BulletinId,
    api::{BulletinDetail, BulletinQuery, BulletinSummary, Code, Order, Page, Refers},
};

use super::{choice, view};
use crate::{
    api::{
        ApiError, ApiResult, Shared,
        extract::{Path, Query},
        page,
        updates::view as update_view,
    },
    app::App,
};

/// The table of the Patch Remediation Center.
#[utoipa::path(get, path = "/bulletins", tag = "bulletins", params(BulletinQuery),
    responses((status = 200, body = Page<BulletinSummary>)))]
pub(crate) async fn list(
    State(app): Shared,
    Query(query): Query<BulletinQuery>,
) -> ApiResult<Json<Page<BulletinSummary>>> {
    let query = bulletins::BulletinQuery {
        filter: choice::db_filter(&query.filter())?,
        sort: view::sort(query.sort),
        descending: query.order == Order::Descending,
        limit: page::limit(query.limit)?,
        with_total: query.cursor.is_none(),
        cursor: query.cursor,
    };
    let rows =
        bulletins::list(&app.db, &query).await.map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
    let mut troubles = troubles(&app, &rows.rows).await?;
    Ok(Json(page::page(rows, |row| {
        let trouble = troubles.remove(&row.bulletin_id);
        view::summary(row, trouble)
    })))
}

/// What is wrong with those that are not whole.
async fn troubles(app: &App, rows: &[Bulletin]) -> ApiResult<HashMap<BulletinId, Trouble>> {
    let wanting = rows.iter().filter(|row| row.updates > 0 && (row.bad_packages > 0 || !row.is_downloaded()));
    let ids: Vec<_> = wanting.map(|row| row.bulletin_id).collect();
    let found = bulletins::troubles(&app.db, &ids).await?;
    Ok(found.into_iter().map(|trouble| (trouble.bulletin_id, trouble)).collect())
}

/// A bulletin with its updates, by id, name or `FEED/NAME` (the slash as `%2F`).
#[utoipa::path(get, path = "/bulletins/{bulletin}", tag = "bulletins", params(("bulletin" = String, Path)),
    responses((status = 200, body = BulletinDetail)))]
pub(crate) async fn show(State(app): Shared, Path(name): Path<String>) -> ApiResult<Json<BulletinDetail>> {
    let id = one(&app, name).await?;
    let mut row = bulletins::show(&app.db, id).await?;
    let trouble = troubles(&app, std::slice::from_ref(&row)).await?.remove(&id);
    let updates = updates::by_bulletins(&app.db, &[id]).await?;
    Ok(Json(BulletinDetail {
        description: std::mem::take(&mut row.description),
        cves: std::mem::take(&mut row.cves),
        kbs: std::mem::take(&mut row.kbs),
        summary: view::summary(row, trouble),
        software_updates: updates.into_iter().map(update_view::summary).collect(),
    }))
}

/// What refers to a bulletin.
#[utoipa::path(get, path = "/bulletins/{bulletin}/refers", tag = "bulletins", params(("bulletin" = String, Path)),
    responses((status = 200, body = Refers)))]
pub(crate) async fn refers(State(app): Shared, Path(name): Path<String>) -> ApiResult<Json<Refers>> {
    let id = one(&app, name).await?;
    let superseded_by = bulletins::show(&app.db, id).await?.superseded_by;
    Ok(Json(view::refers(bulletins::refers(&app.db, id).await?, superseded_by)))
}

/// The one bulletin that a name means.
pub(in crate::api) async fn one(app: &App, name: String) -> ApiResult<BulletinId> {
    let ids = bulletins::resolve(&app.db, std::slice::from_ref(&name)).await?;
    ids.into_iter().next().ok_or_else(|| ApiError::new(Code::NotFound, format!("There is no bulletin {name:?}.")))
}
