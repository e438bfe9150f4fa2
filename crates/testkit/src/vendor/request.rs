//! Reading a request's head.

use tokio::io::{AsyncRead, AsyncReadExt};

const MAX_HEAD_BYTES: usize = 64 * 1024;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, HEAD ...
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// What followed the question mark.
    pub query: Option<String>,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// First and last byte of a single `bytes=` range; no last byte means up to the end.
    #[must_use]
    pub fn range(&self) -> Option<(u64, Option<u64>)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
        Some((first.parse().ok()?, last))
    }

    /// Reads the next head from a connection; none at its end or at nonsense.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > MAX_HEAD_BYTES {
                return None;
            }
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?);
        // A client of a proxy sends the whole URL.
        let target = target.strip_prefix("http://").map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (target.to_owned(), None),
        };
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { method, path, query, headers })
    }
}
