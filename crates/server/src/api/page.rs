//! Pages.

use patchwharf_model::api::{Code, Page};

use super::{ApiError, ApiResult};

const DEFAULT_ROWS: u32 = 100;
const MOST_ROWS: u32 = 1000;

/// Rows per page as asked for, checked.
pub(super) fn limit(asked: Option<u32>) -> ApiResult<u32> {
    match asked.unwrap_or(DEFAULT_ROWS) {
        rows @ 1..=MOST_ROWS => Ok(rows),
        rows => Err(ApiError::new(
            Code::InvalidQuery,
            format!("`limit` is {rows}; a page has 1 to {MOST_ROWS} rows. Follow `next` for more."),
        )),
    }
}

/// A page of the database as the API gives it.
pub(super) fn page<T, U>(page: patchwharf_db::Page<T>, map: impl FnMut(T) -> U) -> Page<U> {
    Page { items: page.rows.into_iter().map(map).collect(), next: page.next, total: page.total }
}

/// A short list that has no pages.
pub(super) fn whole<T>(items: Vec<T>) -> Page<T> {
    let total = Some(items.len() as u64);
    Page { items, next: None, total }
}
