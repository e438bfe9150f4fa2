//! The log as a file.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use patchwharf_db::logs::{self, LogFilter};
use patchwharf_model::api::{Code, LogQuery, LogRecord};

use super::{
    read::{self, After},
    view,
};
use crate::{
    access::{Export, Principal},
    api::{ApiError, ApiResult, Shared, extract::Query},
    app::App,
};

/// Records that are read at once.
const CHUNK: u32 = 1000;

/// All records that fit, oldest first, one JSON object a line: those that there are at the time of the request.
#[utoipa::path(get, path = "/logs/download", tag = "logs", params(LogQuery),
    responses((status = 200, content_type = "application/x-ndjson", body = LogRecord)))]
pub(super) async fn download(State(app): Shared, who: Principal, Query(query): Query<LogQuery>) -> ApiResult<Response> {
    read::one_place(&query)?;
    if query.before.is_some() || query.around.is_some() || query.limit.is_some() {
        let detail = "A download has all records that fit: it begins at `after` or `from`, and takes no `before`, `around` \
                      or `limit`.";
        return Err(ApiError::new(Code::InvalidQuery, detail));
    }
    let place = Export::begin(&app.reads, &who)?;
    let end = logs::last_number(&app.db, app.instance).await?.saturating_add(1);
    let next = match read::after(&app, &query).await? {
        After::Number(after) => Some(after.unwrap_or(0)),
        After::Nothing => None,
    };
    let name = app.clock.now().strftime("patchwharf-log-%Y-%m-%dT%H%M%SZ.jsonl").to_string();
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    let reader = Reader { app, _place: place, query, next, end };
    let lines = stream::unfold(reader, |mut reader| async {
        let lines = reader.read().await?;
        Some((Ok::<_, Infallible>(lines), reader))
    });
    Ok((headers, Body::from_stream(lines)).into_response())
}

struct Reader {
    app: Arc<App>,
    _place: Export,
    query: LogQuery,
    /// Reading goes on after this number; none: everything was read.
    next: Option<i64>,
    /// The number of the first record that came too late.
    end: u64,
}

impl Reader {
    /// The next lines. A database that fails ends the file: its last line says so.
    async fn read(&mut self) -> Option<Bytes> {
        let after = self.next.take()?;
        let filter = view::filter(&self.query, self.app.instance, Some(after), CHUNK);
        let filter = LogFilter { before: Some(self.end), ..filter };
        let records = match logs::tail(&self.app.db, &filter).await {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a download of the log broke off");
                return Some(Bytes::from_static(b"{\"error\":\"the log could not be read any further\"}\n"));
            }
        };
        let records: Vec<LogRecord> = records.into_iter().map(view::stored).collect();
        self.next = records.last().map(|record| record.number).filter(|_| records.len() == CHUNK as usize);
        let mut lines = Vec::new();
        for record in &records {
            serde_json::to_writer(&mut lines, record).ok()?;
            lines.push(b'\n');
        }
        Some(lines.into())
    }
}
