//! Asking as a browser asks, each time on a connection of its own.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use anyhow::{Context as _, Result, ensure};

/// A server, and what proves who asks.
pub(crate) struct Client {
    pub(crate) port: u16,
    pub(crate) token: String,
}

/// An answer.
pub(crate) struct Answer {
    /// Bytes as they were transferred, with the head.
    pub(crate) bytes: usize,
}

impl Client {
    /// Asks for something as a browser does, compressed.
    pub(crate) fn get(&self, path: &str) -> Result<Answer> {
        Ok(Answer { bytes: self.ask(path, "Accept-Encoding: gzip\r\n")?.len() })
    }

    /// The text of something.
    pub(crate) fn text(&self, path: &str) -> Result<String> {
        let answer = self.ask(path, "")?;
        let text = String::from_utf8_lossy(&answer);
        let (_, body) = text.split_once("\r\n\r\n").with_context(|| format!("{path} has no body"))?;
        Ok(body.to_owned())
    }

    /// Bytes of a stream until it has sent so many events.
    pub(crate) fn stream(&self, path: &str, events: usize) -> Result<usize> {
        let mut stream = self.open(path, "Accept-Encoding: gzip\r\nAccept: text/event-stream\r\n")?;
        let (mut read, mut piece) = (Vec::new(), [0; 16 * 1024]);
        while read.windows(6).filter(|six| *six == b"event:").count() < events {
            let length = stream.read(&mut piece)?;
            ensure!(length > 0, "{path} ended too soon");
            read.extend_from_slice(piece.get(..length).unwrap_or_default());
        }
        Ok(read.len())
    }

    fn ask(&self, path: &str, headers: &str) -> Result<Vec<u8>> {
        let mut stream = self.open(path, headers)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = String::from_utf8_lossy(answer.get(..answer.len().min(300)).unwrap_or_default()).into_owned();
        ensure!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        Ok(answer)
    }

    fn open(&self, path: &str, headers: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).context("connect to the server")?;
        stream.set_nodelay(true)?;
        let (port, token) = (self.port, &self.token);
        stream.write_all(
            format!(
                "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n{headers}\
                 Connection: close\r\n\r\n"
            )
            .as_bytes(),
        )?;
        Ok(stream)
    }
}
