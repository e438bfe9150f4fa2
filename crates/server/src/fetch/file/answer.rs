//! What a vendor's answer to our request means for the file.

use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_RANGE, ETAG},
};

use crate::fetch::{FetchError, Inner, error::show, retry, web::Answer};

/// What to do with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// Its body is the file from its beginning.
    Whole,
    /// Its body is the rest of the file, from where we stopped.
    Rest,
    /// It cannot be joined to what we have: ask again for the whole file.
    Restart,
}

/// Sorts a successful answer to a request for the bytes from `have` on (0: for the whole file).
///
/// Errors are texts about the answer.
pub(super) fn meaning(
    status: StatusCode,
    headers: &HeaderMap,
    have: u64,
    size_bytes: u64,
    validator: Option<&str>,
) -> Result<Meant, String> {
    match status {
        StatusCode::OK => Ok(Meant::Whole),
        StatusCode::PARTIAL_CONTENT if have == 0 => Err("206 although the whole file was asked for".into()),
        StatusCode::PARTIAL_CONTENT => {
            let range = headers.get(CONTENT_RANGE).and_then(|v| v.to_str().ok()).and_then(content_range);
            let same_etag = match (validator.filter(|v| v.starts_with('"')), headers.get(ETAG)) {
                (Some(ours), Some(theirs)) => theirs.as_bytes() == ours.as_bytes(),
                _ => true,
            };
            match range {
                Some((first, last, total))
                    if same_etag
                        && first == have
                        && last + 1 == size_bytes
                        && total.is_none_or(|total| total == size_bytes) =>
                {
                    Ok(Meant::Rest)
                }
                _ => Ok(Meant::Restart),
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => Ok(Meant::Restart),
        other => Err(format!("status {}", other.as_u16())),
    }
}

/// First and last byte and, where it is said, the length: `bytes 500-999/1000` (RFC 9110 section 14.4).
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && total.is_none_or(|t| last < t)).then_some((first, last, total))
}

impl Inner {
    /// The error that an unsuccessful status means.
    pub(in crate::fetch) fn status_error(&self, answer: &Answer) -> FetchError {
        let (url, status) = (show(&answer.url), answer.response.status().as_u16());
        let retry_after = retry::retry_after(answer.response.headers(), self.clock.now());
        match status {
            429 | 503 => FetchError::Busy { url, status, retry_after },
            200..=399 => FetchError::BadAnswer { url, reason: format!("status {status} was not asked for") },
            _ => FetchError::Status { url, status },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn partial(range: Option<&str>, etag: &str) -> Result<Meant, String> {
        let mut headers = HeaderMap::from_iter([(ETAG, etag.parse().unwrap())]);
        if let Some(range) = range {
            headers.insert(CONTENT_RANGE, range.parse().unwrap());
        }
        meaning(StatusCode::PARTIAL_CONTENT, &headers, 500, 1000, Some("\"a\""))
    }

    #[test]
    fn only_exactly_the_missing_rest_of_the_same_file_is_joined() {
        assert_eq!(partial(Some("bytes 500-999/1000"), "\"a\""), Ok(Meant::Rest));
        assert_eq!(partial(Some("bytes 500-999/*"), "\"a\""), Ok(Meant::Rest));
        for range in [
            "bytes 400-999/1000",
            "bytes 501-999/1000",
            "bytes 500-998/1000",
            "bytes 500-999/1001",
            "x",
            "bytes 999-500/1000",
        ] {
            assert_eq!(partial(Some(range), "\"a\""), Ok(Meant::Restart), "{range}");
        }
        assert_eq!(partial(None, "\"a\""), Ok(Meant::Restart));
        assert_eq!(partial(Some("bytes 500-999/1000"), "\"b\""), Ok(Meant::Restart));
    }
}
