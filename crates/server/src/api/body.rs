//! Bodies that are refused for their size.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use futures_util::StreamExt as _;
use patchwharf_model::api::Code;

use super::{ApiError, ApiResult};

/// A client that is still sending does not read its answer: so much of a refused body is read and thrown away first. One
/// that announces more, or waits for leave to send, is answered at once.
const DRAIN_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a body of at most so many bytes.
pub(super) async fn read(body: Body, headers: &HeaderMap, limit_bytes: u64) -> ApiResult<Bytes> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    if length(headers).is_some_and(|length| length > limit_bytes) {
        drain(stream, headers).await;
        return Err(too_large(limit_bytes));
    }
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::new(Code::BadRequest, "The body did not come whole; send it again.").because(error)
        })?;
        if (bytes.len() + chunk.len()) as u64 > limit_bytes {
            drain(stream, headers).await;
            return Err(too_large(limit_bytes));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// The length that the client announces.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Lets a client finish sending, within limits.
pub(super) async fn drain(mut stream: axum::body::BodyDataStream, headers: &HeaderMap) {
    if headers.contains_key(header::EXPECT) || length(headers).is_some_and(|length| length > DRAIN_LIMIT_BYTES) {
        return;
    }
    let mut bytes = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        bytes += chunk.len() as u64;
        if bytes > DRAIN_LIMIT_BYTES {
            return;
        }
    }
}

fn too_large(limit_bytes: u64) -> ApiError {
    ApiError::new(Code::BodyTooLarge, format!("A body has at most {limit_bytes} bytes here; ask for less at a time."))
}
