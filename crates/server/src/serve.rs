//! Package downloads: no byte leaves that is not proved.
//!
//! A file is opened beneath its location without following links, and what the file system says of that descriptor is
//! compared with the proof. Equal: the same descriptor is streamed. Otherwise its bytes are hashed anew first, once for
//! all who ask; what does not match is marked corrupt, and a quick refresh is ordered.

mod body;
mod proof;
mod range;
mod readers;
mod resolve;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use patchwharf_model::{FileName, PackageId, Sha256, api::Code};

pub use proof::Downloads;

use crate::api::{ApiError, ApiResult, Path, Shared};
use range::Wanted;

/// A file that may be sent: the descriptor whose bytes are proved.
#[derive(Debug)]
struct Proved {
    file: Arc<std::fs::File>,
    size_bytes: u64,
    mtime_ns: i64,
    sha256: Sha256,
    /// Held until the last byte is sent: what is read from an old place is not removed there.
    lease: readers::Lease,
}

/// A file of a package. `ETag` is its SHA-256; one range is served, with `If-Range`. Wants the token, except from
/// loopback where `packages.anonymous` is set.
///
/// A damaged file is never sent: the answer is 503 with the reason, and a refresh is queued. The address of an old
/// version is answered from the current one as long as the file is the same, else with 410.
#[utoipa::path(get, path = "/packages/{package}/{version}/{file}", tag = "download", security((), ("token" = [])),
    params(("package" = PackageId, Path), ("version" = u64, Path), ("file" = String, Path),
        ("Range" = Option<String>, Header), ("If-Range" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, content_type = "application/octet-stream"), (status = 206, description = "The range asked for"),
        (status = 304, description = "`If-None-Match` names it"), (status = 404, description = "No such file"),
        (status = 410, description = "`version-gone`: the detail names the current one"),
        (status = 416, description = "`range-not-satisfiable`"),
        (status = 503, description = "`file-corrupt`, `file-missing`, `not-staged`")))]
pub(crate) async fn file(
    State(app): Shared,
    Path((package, version, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let Some((package, version, name)) = parse(&package, &version, &name) else {
        return Err(ApiError::new(Code::NotFound, "There is no such file."));
    };
    let proved = resolve::file(&app, package, version, &name).await?;
    answer(proved, &headers)
}

/// Only the one way of writing an address counts; everything else names nothing.
fn parse(package: &str, version: &str, name: &str) -> Option<(PackageId, u64, FileName)> {
    let id: PackageId = package.parse().ok().filter(|id: &PackageId| id.to_string() == package)?;
    let number: u64 = version.parse().ok().filter(|number: &u64| number.to_string() == version)?;
    Some((id, number, FileName::new(name).ok()?))
}

fn answer(proved: Proved, headers: &HeaderMap) -> ApiResult<Response> {
    let etag = format!("\"{}\"", proved.sha256);
    let size = proved.size_bytes;
    let (status, from, to) = match range::wanted(headers, &etag, size) {
        Wanted::NotModified => (StatusCode::NOT_MODIFIED, 0, 0),
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part { from, to } => (StatusCode::PARTIAL_CONTENT, from, to),
        Wanted::Nothing => {
            let detail = format!("The file has {size} bytes; the range asked for lies outside.");
            let mut response = ApiError::new(Code::RangeNotSatisfiable, detail).into_response();
            put(&mut response, header::CONTENT_RANGE, format!("bytes */{size}"));
            return Ok(response);
        }
    };
    let body = match status {
        StatusCode::NOT_MODIFIED => Body::empty(),
        _ => Body::new(body::FileBody::new(&proved, from, to)),
    };
    let mut response = (status, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        put(&mut response, header::CONTENT_RANGE, format!("bytes {from}-{}/{size}", to - 1));
    }
    put(&mut response, header::ETAG, etag);
    if status != StatusCode::NOT_MODIFIED {
        put(&mut response, header::CONTENT_TYPE, "application/octet-stream".to_owned());
        put(&mut response, header::CONTENT_DISPOSITION, "attachment".to_owned());
        let digest = header::HeaderName::from_static("repr-digest");
        put(&mut response, digest, format!("sha-256=:{}:", STANDARD.encode(proved.sha256.0)));
    }
    put(&mut response, header::ACCEPT_RANGES, "bytes".to_owned());
    put(&mut response, header::CACHE_CONTROL, "private, no-cache".to_owned());
    Ok(response)
}

fn put(response: &mut Response, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w_13_only_the_canonical_address_of_a_file_names_anything() {
        let id = "0190c2a4-9d0a-7d6b-8f00-000000000000";
        assert!(parse(id, "1", "sp1.exe").is_some());
        for (package, version, name) in [
            (&id.to_uppercase()[..], "1", "sp1.exe"),
            (&id.replace('-', "")[..], "1", "sp1.exe"),
            (id, "01", "sp1.exe"),
            (id, "+1", "sp1.exe"),
            (id, "-1", "sp1.exe"),
            (id, "1", "../../../etc/passwd"),
            (id, "1", ".."),
            (id, "1", "package.json"),
            (id, "1", "a\0b"),
            (id, "..", "sp1.exe"),
            ("..", "1", "sp1.exe"),
            (".quarantine", "1", "x"),
        ] {
            assert!(parse(package, version, name).is_none(), "{package}/{version}/{name:?}");
        }
    }
}
