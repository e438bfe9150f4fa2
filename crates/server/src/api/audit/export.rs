//! All changes as JSON or CSV, piece by piece.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{Stream, stream};
use patchwharf_db::{DbError, audit};
use patchwharf_model::api::{AuditEntry, AuditQuery, ExportFormat};

use super::filter;
use crate::{app::App, csv, trail};

/// Changes in one piece.
const PIECE: u32 = 1_000;

/// The answer that brings them.
pub(super) fn stream(app: Arc<App>, query: AuditQuery, format: ExportFormat) -> Response {
    let (kind, name) = match format {
        ExportFormat::Json => ("application/json", "attachment; filename=\"audit.json\""),
        ExportFormat::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"audit.csv\""),
    };
    let export = Export { app, query, format, first: true, ended: false };
    let mut response = Body::from_stream(pieces(export)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    response
}

struct Export {
    app: Arc<App>,
    query: AuditQuery,
    format: ExportFormat,
    first: bool,
    ended: bool,
}

/// An error breaks the connection off: half a trail must not look like a whole one.
fn pieces(export: Export) -> impl Stream<Item = Result<Bytes, DbError>> {
    stream::try_unfold(export, |mut export| async move {
        if export.ended {
            return Ok(None);
        }
        let piece = export.next().await?;
        Ok(Some((piece, export)))
    })
}

impl Export {
    async fn next(&mut self) -> Result<Bytes, DbError> {
        let rows = audit::list(&self.app.db, filter(&self.query), self.query.cursor.as_deref(), PIECE).await?;
        self.ended = rows.next.is_none();
        self.query.cursor = rows.next;
        let begins = std::mem::take(&mut self.first);
        let mut text = String::new();
        match self.format {
            ExportFormat::Csv if begins => csv::record(&mut text, COLUMNS),
            ExportFormat::Json if begins => text.push('['),
            _ => {}
        }
        for (at, row) in rows.rows.into_iter().enumerate() {
            let change = trail::entry(row);
            match self.format {
                ExportFormat::Csv => line(&mut text, change),
                ExportFormat::Json => {
                    text.push_str(if begins && at == 0 { "\n" } else { ",\n" });
                    // Our own types always serialise.
                    text.push_str(&serde_json::to_string(&change).unwrap_or_default());
                }
            }
        }
        if self.ended && self.format == ExportFormat::Json {
            text.push_str("\n]\n");
        }
        Ok(text.into())
    }
}

const COLUMNS: [&str; 9] = ["number", "at", "who", "from", "action", "object", "before", "after", "digest"];

fn line(text: &mut String, change: AuditEntry) {
    let AuditEntry { id, at, actor, source, action, object, before, after, digest } = change;
    let digest = digest.map(|digest| digest.to_string());
    csv::record(
        text,
        [
            id.to_string(),
            at.to_string(),
            actor,
            source,
            action,
            object,
            before.unwrap_or_default(),
            after.unwrap_or_default(),
            digest.unwrap_or_default(),
        ],
    );
}
