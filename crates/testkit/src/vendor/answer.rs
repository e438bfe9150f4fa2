//! Turning an act into bytes on the wire.

use std::io;

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Act, Publication, Request, State, lie};

/// What becomes of the connection.
pub(super) enum After {
    KeepAlive,
    Close,
    Reset,
}

/// Closes in order, so that the peer reads everything that was sent before it sees the end.
pub(super) async fn close(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut rest = [0; 4096];
    let drain = async { while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {} };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), drain).await;
}

pub(super) async fn answer(stream: &mut TcpStream, request: &Request, act: Act, state: &State) -> io::Result<After> {
    let head_only = request.method == "HEAD";
    match act {
        Act::Serve(file) => part(stream, request, &file, state).await,
        Act::Lie(file, how) => lie::tell(stream, request, file, how, state).await,
        Act::Status { code, headers, body } => {
            let mut lines = headers;
            lines.push(format!("Content-Length: {}", body.len()).into_bytes());
            stream.write_all(&head(code, &lines)).await?;
            if !head_only {
                stream.write_all(&body).await?;
            }
            Ok(After::KeepAlive)
        }
        Act::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            Ok(After::Close)
        }
        Act::Reset => Ok(After::Reset),
        Act::Silence => {
            let mut released = state.released.subscribe();
            let _ = released.changed().await;
            Ok(After::Reset)
        }
        Act::Endless => endless(stream, &head(200, &[b"Connection: close".to_vec()])).await,
        Act::EndlessWithLength => endless(stream, &head(200, &[b"Content-Length: 1099511627776".to_vec()])).await,
        Act::GzipBomb { unpacked_bytes } => {
            let body = gzip_of_zeros(unpacked_bytes)?;
            let lines = [b"Content-Encoding: gzip".to_vec(), format!("Content-Length: {}", body.len()).into_bytes()];
            stream.write_all(&head(200, &lines)).await?;
            stream.write_all(&body).await?;
            Ok(After::KeepAlive)
        }
    }
}

pub(super) fn head(code: u16, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {code} X\r\n").into_bytes();
    for line in lines {
        head.extend_from_slice(line);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

pub(super) fn validators(file: &Publication) -> Vec<Vec<u8>> {
    let mut lines = vec![format!("Content-Type: {}", file.content_type).into_bytes()];
    lines.extend(file.etag.iter().map(|etag| format!("ETag: {etag}").into_bytes()));
    lines.extend(file.last_modified.iter().map(|date| format!("Last-Modified: {date}").into_bytes()));
    lines.extend(file.headers.iter().cloned());
    lines
}

/// The part of a file that a request asks for: first byte, end, and whether it is a part at all. An If-Range that does
/// not match asks for the whole (RFC 9110 section 13.1.5).
pub(super) fn wanted(request: &Request, file: &Publication) -> Option<(usize, usize)> {
    let (first, last) = request.range()?;
    if let Some(validator) = request.header("if-range")
        && Some(validator) != file.etag.as_deref()
        && Some(validator) != file.last_modified.as_deref()
    {
        return None;
    }
    let length = file.bytes.len();
    let end = last.map_or(length, |last| (last as usize).saturating_add(1).min(length));
    Some((first as usize, end))
}

/// The honest answer: 200, 206, 304 or 416.
pub(super) async fn part(
    stream: &mut TcpStream,
    request: &Request,
    file: &Publication,
    state: &State,
) -> io::Result<After> {
    let unchanged = request.header("if-none-match").map_or_else(
        || request.header("if-modified-since").is_some_and(|date| Some(date) == file.last_modified.as_deref()),
        |etags| file.etag.as_deref().is_some_and(|etag| etags.split(',').any(|e| e.trim() == etag)),
    );
    let mut lines = validators(file);
    if unchanged {
        stream.write_all(&head(304, &lines)).await?;
        return Ok(After::KeepAlive);
    }
    let length = file.bytes.len();
    lines.push(b"Accept-Ranges: bytes".to_vec());
    let (code, body) = match wanted(request, file) {
        Some((first, end)) if first >= end => {
            lines.push(format!("Content-Range: bytes */{length}").into_bytes());
            (416, Bytes::new())
        }
        Some((first, end)) => {
            lines.push(format!("Content-Range: bytes {first}-{}/{length}", end - 1).into_bytes());
            (206, file.bytes.slice(first..end))
        }
        None => (200, file.bytes.clone()),
    };
    lines.push(format!("Content-Length: {}", body.len()).into_bytes());
    stream.write_all(&head(code, &lines)).await?;
    if request.method != "HEAD" {
        send(stream, request, &body, state).await?;
    }
    Ok(After::KeepAlive)
}

/// Writes a body in pieces, so that what was really sent is counted when the peer goes away.
pub(super) async fn send(stream: &mut TcpStream, request: &Request, body: &[u8], state: &State) -> io::Result<()> {
    for piece in body.chunks(64 * 1024) {
        stream.write_all(piece).await?;
        state.note_sent(&request.path, piece.len() as u64);
    }
    Ok(())
}

async fn endless(stream: &mut TcpStream, head: &[u8]) -> io::Result<After> {
    stream.write_all(head).await?;
    loop {
        stream.write_all(&[b'A'; 16 * 1024]).await?;
    }
}

fn gzip_of_zeros(unpacked_bytes: u64) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    io::copy(&mut io::Read::take(io::repeat(0), unpacked_bytes), &mut encoder)?;
    encoder.finish()
}
