//! Saved views: filter and order of a table under a name, for each account its own.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use patchwharf_db::accounts::views;
use patchwharf_model::{
    AccountId,
    api::{Code, Page, View, ViewPlace, ViewSave},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiResult, Path, Shared, extract, page};
use crate::{access::Principal, app::App};

/// Views that an account may have.
const MOST_VIEWS: u32 = 100;
const LONGEST_NAME: usize = 60;
const LONGEST_QUERY: usize = 2_000;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(save, forget))
}

fn account(who: &Principal) -> ApiResult<AccountId> {
    let none = || ApiError::new(Code::Conflict, "The token of the data folder is no account: views are an account's.");
    who.account().ok_or_else(none)
}

/// The own saved views, by table and name.
#[utoipa::path(get, path = "/views", tag = "views", responses((status = 200, body = Page<View>),
    (status = 409, description = "Who asks has no account")))]
async fn list(State(app): Shared, who: Principal) -> ApiResult<Json<Page<View>>> {
    Ok(Json(page::whole(of(&app, &who).await?)))
}

/// The saved views of an account; none of who has no account.
///
/// # Errors
/// Who asks has no account, or the database failed.
pub(crate) async fn of(app: &App, who: &Principal) -> ApiResult<Vec<View>> {
    let rows = views::list(&app.db, account(who)?).await?;
    // A table that this version does not know has no views here.
    let view = |row: views::View| {
        let place = row.place.parse().ok()?;
        Some(View { place, name: row.name, query: row.query, saved_at: row.saved_at })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}

/// A view without the place in the table where it was saved: it begins at the first row.
fn from_its_beginning(query: &str) -> String {
    let place = |pair: &&str| pair.starts_with("cursor=") || pair.starts_with("at=");
    query.split('&').filter(|pair| !place(pair)).collect::<Vec<_>>().join("&")
}

/// Saves a view under a name; one of that name gives way to it.
#[utoipa::path(put, path = "/views/{place}/{name}", tag = "views", request_body = ViewSave,
    params(("place" = ViewPlace, Path), ("name" = String, Path)),
    responses((status = 204), (status = 409, description = "There are 100 already, or who asks has no account"),
        (status = 422, description = "`invalid-body`: the name or the query is too long, or cannot stand in an address")))]
async fn save(
    State(app): Shared,
    who: Principal,
    Path((place, name)): Path<(ViewPlace, String)>,
    extract::Json(wish): extract::Json<ViewSave>,
) -> ApiResult<StatusCode> {
    let bad = |detail: String| ApiError::new(Code::InvalidBody, detail);
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(bad(format!("The name of a view has 1 to {LONGEST_NAME} printable characters.")));
    }
    let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '#' | '?' | '"' | '<' | '>' | '\\');
    if wish.query.len() > LONGEST_QUERY || wish.query.contains(odd) {
        return Err(bad(format!(
            "The query of a view is what stands after `?` in the page's address, at most {LONGEST_QUERY} characters."
        )));
    }
    let query = from_its_beginning(&wish.query);
    let account = account(&who)?;
    let mut write = who.write(&app).await?;
    let saved = views::save(&mut write, account, place.as_str(), name, &query, MOST_VIEWS).await;
    saved.map_err(|error| ApiError::from(error).refused_as(Code::Conflict))?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets one of the own views.
#[utoipa::path(delete, path = "/views/{place}/{name}", tag = "views",
    params(("place" = ViewPlace, Path), ("name" = String, Path)),
    responses((status = 204), (status = 404, description = "No view of this account")))]
async fn forget(
    State(app): Shared,
    who: Principal,
    Path((place, name)): Path<(ViewPlace, String)>,
) -> ApiResult<StatusCode> {
    let account = account(&who)?;
    let mut write = who.write(&app).await?;
    if !views::forget(&mut write, account, place.as_str(), &name).await? {
        return Err(ApiError::new(Code::NotFound, "This account has no such view."));
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_begins_at_its_first_row_wherever_it_was_saved() {
        assert_eq!(from_its_beginning("text=at&cursor=ff&sort=name&at=101"), "text=at&sort=name");
        assert_eq!(from_its_beginning(""), "");
    }
}
