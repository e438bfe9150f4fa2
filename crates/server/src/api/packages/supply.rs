//! A file fetched by hand.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
};
use camino::Utf8Path;
use futures_util::StreamExt as _;
use patchwharf_model::{
    FileName, UpdateId,
    api::{Code, Job, SupplyQuery},
    job::JobRequest,
};
use patchwharf_store::fault::{self, Step};
use tokio::io::AsyncWriteExt as _;

use crate::{
    api::{
        ApiError, ApiResult, Shared, body,
        extract::{Path, Query},
        start::{self, Asked, Started},
        updates,
    },
    backup,
    files::sync_folder,
    uploads::AT_ONCE,
};

/// Takes a file that an administrator fetched by hand for an update; the body is its bytes. It is held to the same
/// digest rules as a download; what does not match is thrown away.
#[utoipa::path(post, path = "/updates/{update}/supply", tag = "packages",
    params(("update" = String, Path), SupplyQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body(content_type = "application/octet-stream", content = Vec<u8>), responses((status = 202, body = Job)))]
pub(super) async fn supply(
    State(app): Shared,
    Path(update): Path<String>,
    Query(query): Query<SupplyQuery>,
    asked: Asked,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Started> {
    let update = updates::resolve(&app, update).await?;
    let most = largest(&app, update, query.file.as_deref()).await?;
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind != "application/octet-stream") {
        let detail = "The body is the file's bytes as they are: `Content-Type: application/octet-stream`.";
        return Err(ApiError::new(Code::UnsupportedMediaType, detail));
    }
    if body::length(&headers).is_some_and(|bytes| bytes > most) {
        body::drain(body.into_data_stream(), &headers).await;
        return Err(too_large(most));
    }
    let Some(arriving) = app.uploads.begin(&app.config.data) else {
        let detail =
            format!("{AT_ONCE} files are being received, as many as may be at once; try again when one is done.");
        return Err(ApiError::new(Code::Busy, detail));
    };
    backup::must_have_room(&app.config.data, body::length(&headers).unwrap_or(most))
        .map_err(|error| disk(error, &app.config.data))?;
    receive(arriving.path(), body, &headers, most).await?;
    fault::at(Step::SupplyAfterReceive).map_err(ApiError::internal)?;
    let upload = arriving.name().to_owned();
    let started = start::job(&app, &asked, JobRequest::Supply { update, upload, file: query.file }).await?;
    arriving.taken();
    Ok(started)
}

/// The size of the file that is meant, or of the largest one.
async fn largest(app: &crate::app::App, update: UpdateId, file: Option<&str>) -> ApiResult<u64> {
    let row = patchwharf_db::updates::show(&app.db, update).await?;
    let is_meant = |name: &FileName| file.is_none_or(|wanted| name.as_str() == wanted);
    let sizes = row.files.iter().filter(|candidate| is_meant(&candidate.name)).map(|candidate| candidate.size_bytes);
    sizes.max().ok_or_else(|| {
        let names = row.files.iter().map(|file| file.name.to_string()).collect();
        ApiError::new(Code::NotFound, format!("Update {} has no such file.", row.update_key)).with_items(names)
    })
}

async fn receive(path: &Utf8Path, body: Body, headers: &HeaderMap, most: u64) -> ApiResult<()> {
    let mut options = tokio::fs::OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(0o600).open(path).await.map_err(|error| disk(error, path))?;
    let mut bytes = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::new(Code::BadRequest, "The file did not come whole; send it again.").because(error)
        })?;
        bytes += chunk.len() as u64;
        if bytes > most {
            body::drain(chunks, headers).await;
            return Err(too_large(most));
        }
        file.write_all(&chunk).await.map_err(|error| disk(error, path))?;
    }
    file.flush().await.map_err(|error| disk(error, path))?;
    file.sync_all().await.map_err(|error| disk(error, path))?;
    let folder = path.parent().unwrap_or(path).to_owned();
    let durable = tokio::task::spawn_blocking(move || sync_folder(&folder)).await;
    durable.map_err(ApiError::internal)?.map_err(|error| disk(error, path))
}

fn too_large(most: u64) -> ApiError {
    ApiError::new(
        Code::BodyTooLarge,
        format!("The file is longer than the {most} bytes that the catalogue gives for it: it is another file."),
    )
}

fn disk(error: std::io::Error, path: &Utf8Path) -> ApiError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return ApiError::new(
            Code::NoSpace,
            "There is no room in the data folder for the file; make some and try again.",
        );
    }
    ApiError::internal(anyhow::Error::new(error).context(format!("receiving an upload as {path}")))
}
