//! A whole list as JSON or CSV, page by page: in bounded memory, however long it is.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use patchwharf_db::{DbError, Page};
use patchwharf_model::api::ExportFormat;
use serde::Serialize;

use crate::access::Export;

/// The JSON of a list, for the description: a page, or everything as an array.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes what is answered")]
pub(crate) enum Listed<T> {
    /// A page.
    Page(patchwharf_model::api::Page<T>),
    /// With `format=json`.
    All(Vec<T>),
}

/// Rows in one piece.
pub(super) const PIECE: u32 = 1_000;

/// How a list is written down.
pub(super) struct Written<T> {
    /// Name of the file, without its ending.
    pub(super) name: String,
    /// JSON or CSV.
    pub(super) format: ExportFormat,
    /// The first line of the CSV.
    pub(super) heading: fn() -> String,
    /// A line of the CSV.
    pub(super) line: fn(&mut String, &T),
}

/// The answer that brings all rows; `page` reads those after a cursor. `place` is free again when the last went out, or the client
/// went away. An error breaks the connection off: half a list must
/// not look like a whole one.
pub(super) fn stream<T, F, P>(place: Export, written: Written<T>, page: F) -> Response
where
    T: Serialize + Send + 'static,
    F: Fn(Option<String>) -> P + Send + 'static,
    P: Future<Output = Result<Page<T>, DbError>> + Send,
{
    let (kind, ending) = match written.format {
        ExportFormat::Json => ("application/json", "json"),
        ExportFormat::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
    };
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{}.{ending}\"", written.name));
    let begin = Some((place, written, page, None, true));
    let pieces = stream::try_unfold(begin, |state| async move {
        let Some((place, written, page, cursor, first)) = state else { return Ok::<_, DbError>(None) };
        let rows = page(cursor).await?;
        let piece = Bytes::from(written.piece(&rows, first));
        Ok(Some((piece, rows.next.map(|next| (place, written, page, Some(next), false)))))
    });
    let mut response = Body::from_stream(pieces).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = name {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

impl<T: Serialize> Written<T> {
    fn piece(&self, rows: &Page<T>, first: bool) -> String {
        let mut text = match (self.format, first) {
            (_, false) => String::new(),
            (ExportFormat::Csv, true) => (self.heading)(),
            (ExportFormat::Json, true) => "[".to_owned(),
        };
        for (at, row) in rows.rows.iter().enumerate() {
            match self.format {
                ExportFormat::Csv => (self.line)(&mut text, row),
                ExportFormat::Json => {
                    text.push_str(if first && at == 0 { "\n" } else { ",\n" });
                    // Our own types always serialise.
                    text.push_str(&serde_json::to_string(row).unwrap_or_default());
                }
            }
        }
        if rows.next.is_none() && self.format == ExportFormat::Json {
            text.push_str("\n]\n");
        }
        text
    }
}
