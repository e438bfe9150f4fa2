//! List, show, and what refers to a package.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use patchwharf_db::{bulletins, locations, packages};
use patchwharf_model::{
    PackageId,
    api::{Code, Order, PackageDetail, PackageQuery, PackageSummary, Page, PolicyReference, Refers, StoreTotals},
};

use super::view;
use crate::{
    api::{
        ApiError, ApiResult, Shared,
        extract::{Path, Query},
        page,
    },
    app::App,
};

/// The table of software packages.
#[utoipa::path(get, path = "/packages", tag = "packages", params(PackageQuery),
    responses((status = 200, body = Page<PackageSummary>)))]
pub(crate) async fn list(
    State(app): Shared,
    Query(query): Query<PackageQuery>,
) -> ApiResult<Json<Page<PackageSummary>>> {
    let bulletin = match query.bulletin {
        Some(name) => bulletins::resolve(&app.db, &[name]).await?.into_iter().next(),
        None => None,
    };
    let update = match query.update {
        Some(name) => Some(crate::api::updates::resolve(&app, name).await?),
        None => None,
    };
    let location = match query.location {
        Some(named) => Some(crate::api::locations::named(&app, &named).await?),
        None => None,
    };
    let filter = packages::PackageFilter {
        states: query.state.0,
        bulletin,
        update,
        location,
        active: (!query.replaced).then_some(true),
        text: query.text,
        weak: query.weak,
        unproved: query.unproved,
    };
    let query = packages::PackageQuery {
        filter,
        sort: view::sort(query.sort),
        descending: query.order == Order::Descending,
        limit: page::limit(query.limit)?,
        with_total: query.cursor.is_none(),
        cursor: query.cursor,
    };
    let rows =
        packages::list(&app.db, &query).await.map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
    Ok(Json(page::page(rows, view::summary)))
}

/// A package with its versions and files: by its id, or by its update's id, key or `FEED/KEY` (the slash as `%2F`).
#[utoipa::path(get, path = "/packages/{package}", tag = "packages", params(("package" = String, Path)),
    responses((status = 200, body = PackageDetail)))]
pub(crate) async fn show(State(app): Shared, Path(name): Path<String>) -> ApiResult<Json<PackageDetail>> {
    let id = one(&app, name).await?;
    let row = packages::show(&app.db, id).await?;
    let mut versions = packages::versions(&app.db, &[id]).await?;
    versions.sort_by_key(|version| std::cmp::Reverse(version.version));
    let keys: Vec<_> = versions.iter().map(|version| (id, version.version)).collect();
    let files = view::Files {
        rows: packages::files(&app.db, &keys).await?,
        same_data: packages::same_data(&app.db, id).await?,
    };
    let places = view::Places {
        folders: locations::list(&app.db).await?.into_iter().map(|row| (row.location_id, row.path)).collect(),
        originals: packages::originals_of(&app.db, &keys).await?,
    };
    Ok(Json(PackageDetail {
        summary: view::summary(row),
        policies: policies(&app, id).await?,
        versions: versions.into_iter().map(|row| view::version(row, &files, &places)).collect(),
    }))
}

/// What the store holds in all.
#[utoipa::path(get, path = "/store", tag = "packages", responses((status = 200, body = StoreTotals)))]
pub(crate) async fn totals(State(app): Shared) -> ApiResult<Json<StoreTotals>> {
    let row = packages::totals(&app.db).await?;
    Ok(Json(StoreTotals {
        packages: row.packages,
        files: row.files,
        size_bytes: row.size_bytes,
        disk_bytes: row.disk_bytes,
    }))
}

/// What refers to a package.
#[utoipa::path(get, path = "/packages/{package}/refers", tag = "packages", params(("package" = String, Path)),
    responses((status = 200, body = Refers)))]
pub(super) async fn refers(State(app): Shared, Path(name): Path<String>) -> ApiResult<Json<Refers>> {
    let id = one(&app, name).await?;
    let row = packages::show(&app.db, id).await?;
    Ok(Json(Refers {
        policies: policies(&app, id).await?,
        updates: vec![row.update_id],
        packages: vec![id],
        jobs: row.lock_job.into_iter().collect(),
        ..Refers::default()
    }))
}

async fn policies(app: &App, id: PackageId) -> ApiResult<Vec<PolicyReference>> {
    let needed = packages::needed_by(&app.db, &[id]).await?;
    let unique: BTreeSet<_> =
        needed.into_iter().map(|row| PolicyReference { id: row.policy_id, name: row.policy }).collect();
    Ok(unique.into_iter().collect())
}

async fn one(app: &App, name: String) -> ApiResult<PackageId> {
    let ids = packages::resolve(&app.db, std::slice::from_ref(&name)).await?;
    ids.into_iter().next().ok_or_else(|| ApiError::new(Code::NotFound, format!("There is no package {name:?}.")))
}
