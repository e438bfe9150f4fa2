//! Stored records.

use axum::{Json, extract::State};
use patchwharf_db::logs::{self, LogFilter};
use patchwharf_model::api::{Code, LogQuery, LogRecord, Page};

use super::view;
use crate::{
    api::{ApiError, ApiResult, Shared, extract::Query, page},
    app::App,
};

/// Records of this server's log, oldest first: those after a number, before one, around one, from a time on, or the newest.
#[utoipa::path(get, path = "/logs", tag = "logs", params(LogQuery), responses((status = 200, body = Page<LogRecord>)))]
pub(crate) async fn list(State(app): Shared, Query(query): Query<LogQuery>) -> ApiResult<Json<Page<LogRecord>>> {
    one_place(&query)?;
    let limit = page::limit(query.limit)?;
    let records = match (query.around, after(&app, &query).await?) {
        (Some(number), _) => around(&app, &query, number, limit).await?,
        (None, After::Nothing) => Vec::new(),
        (None, After::Number(after)) => {
            let filter = view::filter(&query, app.instance, after, limit);
            let before = query.before.map(|number| number.try_into().unwrap_or(0));
            logs::tail(&app.db, &LogFilter { before, ..filter }).await?
        }
    };
    let items = records.into_iter().map(view::stored).collect();
    Ok(Json(Page { items, next: None, total: None }))
}

/// Where reading begins.
pub(super) enum After {
    /// After this number; none: with the newest.
    Number(Option<i64>),
    /// Everything is older than the time that was asked for.
    Nothing,
}

/// The place that `after` or `from` names.
pub(super) async fn after(app: &App, query: &LogQuery) -> ApiResult<After> {
    let Some(from) = query.from else { return Ok(After::Number(query.after)) };
    let first = logs::first_since(&app.db, app.instance, from).await?;
    Ok(first.map_or(After::Nothing, |number| {
        After::Number(Some(i64::try_from(number).unwrap_or(i64::MAX).saturating_sub(1)))
    }))
}

/// Refuses a query that names several places.
pub(super) fn one_place(query: &LogQuery) -> ApiResult<()> {
    let places = [query.after.is_some(), query.before.is_some(), query.from.is_some(), query.around.is_some()];
    if places.into_iter().filter(|given| *given).count() > 1 {
        let detail = "`after`, `before`, `from` and `around` each name a place in the log: give one of them.";
        return Err(ApiError::new(Code::InvalidQuery, detail));
    }
    Ok(())
}

async fn around(app: &App, query: &LogQuery, number: i64, limit: u32) -> ApiResult<Vec<logs::LogRecord>> {
    let number = number.max(0);
    let older = limit / 2;
    let filter = view::filter(query, app.instance, None, older);
    let mut records = match older {
        0 => Vec::new(),
        _ => logs::tail(&app.db, &LogFilter { before: Some(number.unsigned_abs()), ..filter }).await?,
    };
    let filter = view::filter(query, app.instance, Some(number.saturating_sub(1)), limit - older);
    records.extend(logs::tail(&app.db, &filter).await?);
    Ok(records)
}
