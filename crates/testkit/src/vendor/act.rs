//! What a vendor does at one request.

use std::time::Duration;

use bytes::Bytes;

use crate::payload::{self, Payload};

/// A file with the validators that an honest host sends with it.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Content.
    pub bytes: Bytes,
    /// ETag with its quotes; none: the host sends none.
    pub etag: Option<String>,
    /// Last-Modified; none: the host sends none.
    pub last_modified: Option<String>,
    /// Content-Type.
    pub content_type: String,
    /// Further header lines as raw bytes without the line end.
    pub headers: Vec<Vec<u8>>,
}

impl Publication {
    /// A file whose ETag follows its content.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let etag = format!("\"{}\"", &payload::sha256(&bytes).to_string()[..16]);
        Self {
            bytes,
            etag: Some(etag),
            last_modified: Some("Sun, 01 Nov 2026 00:00:00 GMT".into()),
            content_type: "application/octet-stream".into(),
            headers: Vec::new(),
        }
    }

    /// With this ETag (quotes included), or none.
    #[must_use]
    pub fn etag(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(str::to_owned);
        self
    }

    /// With this Last-Modified, or none.
    #[must_use]
    pub fn last_modified(mut self, date: Option<&str>) -> Self {
        self.last_modified = date.map(str::to_owned);
        self
    }

    /// With one more header line, sent byte for byte.
    #[must_use]
    pub fn raw_header(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.headers.push(line.into());
        self
    }
}

impl From<Bytes> for Publication {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes)
    }
}

impl From<Vec<u8>> for Publication {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<&Payload> for Publication {
    fn from(payload: &Payload) -> Self {
        Self::new(payload.bytes.clone())
    }
}

/// One answer.
#[derive(Clone, Debug)]
pub enum Act {
    /// The truth.
    Serve(Publication),
    /// A file and what is wrong about it.
    Lie(Publication, Lie),
    /// A bare status with header lines and a body.
    Status {
        /// Status code.
        code: u16,
        /// Header lines, byte for byte, without the line end.
        headers: Vec<Vec<u8>>,
        /// Body.
        body: Bytes,
    },
    /// These bytes and nothing else, then the connection is closed.
    Raw(Bytes),
    /// The connection is reset instead of an answer.
    Reset,
    /// No answer; the connection stays open until everything is released.
    Silence,
    /// 200 without a length, and bytes without an end.
    Endless,
    /// 200 with a Content-Length of 1 TiB, and bytes without an end.
    EndlessWithLength,
    /// 200 with `Content-Encoding: gzip` whose body unpacks to this many zero bytes.
    GzipBomb {
        /// Unpacked length in bytes.
        unpacked_bytes: u64,
    },
}

impl Act {
    /// The truth about these bytes.
    pub fn serve(content: impl Into<Publication>) -> Self {
        Self::Serve(content.into())
    }

    /// A bare status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status { code, headers: Vec::new(), body: Bytes::from_static(b"no\n") }
    }

    /// 429 with `Retry-After: seconds`.
    #[must_use]
    pub fn too_many_requests(retry_after_seconds: u64) -> Self {
        let line = format!("Retry-After: {retry_after_seconds}").into_bytes();
        Self::Status { code: 429, headers: vec![line], body: Bytes::new() }
    }

    /// 302 to this location.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::redirect_raw(302, location.as_bytes())
    }

    /// A redirect whose Location is sent byte for byte.
    #[must_use]
    pub fn redirect_raw(code: u16, location: &[u8]) -> Self {
        let line = [b"Location: ", location].concat();
        Self::Status { code, headers: vec![line], body: Bytes::new() }
    }

    /// A captive portal: 200 with an HTML page.
    #[must_use]
    pub fn html_page() -> Self {
        let page = "<html><body><h1>Sign in to <b>Hotel Wi-Fi</b></h1><script>alert(1)</script></body></html>\n";
        Self::Status {
            code: 200,
            headers: vec![b"Content-Type: text/html".to_vec()],
            body: Bytes::from_static(page.as_bytes()),
        }
    }
}

/// What is wrong about a file.
#[derive(Clone, Debug)]
pub enum Lie {
    /// This many bytes more than there should be, announced in Content-Length.
    Longer(usize),
    /// This many bytes fewer, announced in Content-Length.
    Shorter(usize),
    /// One bit of the byte at this offset is flipped.
    FlipBit(usize),
    /// Content-Length is right, the connection ends after this many bytes of the whole file.
    TruncateAt(usize),
    /// Chunked, ends after this many bytes without the last chunk.
    TruncateChunkedAt(usize),
    /// Sends so many bytes of the whole file, then nothing until [`crate::Vendor::release`]; the connection stays open.
    StallAt(usize),
    /// A few bytes at a time.
    Drip {
        /// Bytes at a time.
        bytes: usize,
        /// Pause between.
        every: Duration,
    },
    /// A Range request is answered by 200 and the whole file.
    IgnoreRange,
    /// A Range request is answered by 206 that claims to begin this many bytes further on.
    WrongContentRange(u64),
    /// A Range request is answered by 206 without Content-Range.
    NoContentRange,
    /// A Range request is answered by 416.
    Unsatisfiable,
    /// A Range request gets its part of this other file, whatever If-Range says, under the old ETag.
    ChangeOnRange(Bytes),
}
