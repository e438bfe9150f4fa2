//! Server-sent events (WHATWG HTML, section 9.2), as far as this API sends them.

use anyhow::Result;
use futures_util::{Stream, StreamExt as _};

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// Reads events from the chunks of a body.
pub(crate) struct Events<S> {
    chunks: S,
    pending: Vec<u8>,
    event: Event,
}

/// An event longer than this is no event of ours.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

impl<S, B, E> Events<S>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: AsRef<[u8]>,
    E: std::error::Error + Send + Sync + 'static,
{
    pub(crate) fn new(chunks: S) -> Self {
        Self { chunks, pending: Vec::new(), event: Event::default() }
    }

    /// The next event; none when the server has ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>> {
        let mut searched = 0;
        loop {
            while let Some(end) = self.pending[searched..].iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.pending.drain(..=searched + end).collect();
                searched = 0;
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                if let Some(event) = self.line(&String::from_utf8_lossy(&line)) {
                    return Ok(Some(event));
                }
            }
            searched = self.pending.len();
            anyhow::ensure!(searched <= MAX_LINE_BYTES, "the server sends an event without an end");
            match self.chunks.next().await {
                Some(chunk) => self.pending.extend_from_slice(chunk?.as_ref()),
                None => return Ok(None),
            }
        }
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn events_are_read_across_chunks_and_comments_are_not_events() {
        let text = ": hello\n\nevent: progress\nid: 7\ndata: {\"a\":\ndata: 1}\n\ndata: x\r\n\r\ndata: cut";
        for size in [1, 3, 1000] {
            let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
                text.as_bytes().chunks(size).map(|c| Ok(c.to_vec())).collect();
            let mut events = Events::new(stream::iter(chunks));
            let first = events.next().await.unwrap().unwrap();
            assert_eq!(first, Event { name: "progress".into(), id: Some("7".into()), data: "{\"a\":\n1}".into() });
            assert_eq!(events.next().await.unwrap().unwrap().data, "x");
            assert_eq!(events.next().await.unwrap(), None);
        }
    }
}
