//! Telling a file with something wrong about it.

use std::io;

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    Lie, Publication, Request, State,
    answer::{After, head, part, send, validators, wanted},
};

pub(super) async fn tell(
    stream: &mut TcpStream,
    request: &Request,
    mut file: Publication,
    lie: Lie,
    state: &State,
) -> io::Result<After> {
    let range = wanted(request, &file);
    match lie {
        Lie::Longer(by) => {
            file.bytes = [&file.bytes[..], &vec![b'+'; by][..]].concat().into();
            part(stream, request, &file, state).await
        }
        Lie::Shorter(by) => {
            let keep = file.bytes.len().saturating_sub(by);
            file.bytes.truncate(keep);
            part(stream, request, &file, state).await
        }
        Lie::FlipBit(at) => {
            let mut bytes = file.bytes.to_vec();
            bytes[at] ^= 1;
            file.bytes = bytes.into();
            part(stream, request, &file, state).await
        }
        Lie::TruncateAt(at) => {
            let sent = cut(stream, request, &file, at, state).await?;
            debug_assert!(sent <= at);
            Ok(After::Close)
        }
        Lie::StallAt(at) => {
            let released = state.released.subscribe();
            let first = range.map_or(0, |(first, _)| first);
            let sent = cut(stream, request, &file, at.max(first), state).await?;
            state.hold(released).await;
            send(stream, request, &file.bytes[first + sent..], state).await?;
            Ok(After::KeepAlive)
        }
        Lie::TruncateChunkedAt(at) => {
            let mut lines = validators(&file);
            lines.push(b"Transfer-Encoding: chunked".to_vec());
            let mut bytes = head(200, &lines);
            bytes.extend_from_slice(format!("{at:x}\r\n").as_bytes());
            bytes.extend_from_slice(&file.bytes[..at]);
            bytes.extend_from_slice(b"\r\n");
            stream.write_all(&bytes).await?;
            state.note_sent(&request.path, at as u64);
            Ok(After::Close)
        }
        Lie::Drip { bytes, every } => {
            let first = range.map_or(0, |(first, _)| first);
            let sent = cut(stream, request, &file, first, state).await?;
            for piece in file.bytes[first + sent..].chunks(bytes) {
                send(stream, request, piece, state).await?;
                tokio::time::sleep(every).await;
            }
            Ok(After::KeepAlive)
        }
        Lie::IgnoreRange => {
            let mut whole = request.clone();
            whole.headers.retain(|(name, _)| name != "range");
            part(stream, &whole, &file, state).await
        }
        Lie::WrongContentRange(_) | Lie::NoContentRange | Lie::Unsatisfiable if range.is_none() => {
            part(stream, request, &file, state).await
        }
        Lie::WrongContentRange(by) => {
            let (first, end) = range.unwrap_or_default();
            let (claimed, length) = (first as u64 + by, file.bytes.len() as u64);
            let line = format!("Content-Range: bytes {claimed}-{}/{}", end as u64 - 1 + by, length + by);
            partial(stream, request, &file, first, end, Some(line), state).await
        }
        Lie::NoContentRange => {
            let (first, end) = range.unwrap_or_default();
            partial(stream, request, &file, first, end, None, state).await
        }
        Lie::Unsatisfiable => {
            let line = format!("Content-Range: bytes */{}", file.bytes.len()).into_bytes();
            stream.write_all(&head(416, &[line, b"Content-Length: 0".to_vec()])).await?;
            Ok(After::KeepAlive)
        }
        Lie::ChangeOnRange(other) => {
            if request.range().is_some() {
                file.bytes = other;
                let mut blind = request.clone();
                blind.headers.retain(|(name, _)| name != "if-range");
                return part(stream, &blind, &file, state).await;
            }
            part(stream, request, &file, state).await
        }
    }
}

/// 206 with a Content-Range of the liar's choice.
async fn partial(
    stream: &mut TcpStream,
    request: &Request,
    file: &Publication,
    first: usize,
    end: usize,
    content_range: Option<String>,
    state: &State,
) -> io::Result<After> {
    let body = file.bytes.slice(first.min(end)..end);
    let mut lines = validators(file);
    lines.extend(content_range.map(String::into_bytes));
    lines.push(format!("Content-Length: {}", body.len()).into_bytes());
    stream.write_all(&head(206, &lines)).await?;
    send(stream, request, &body, state).await?;
    Ok(After::KeepAlive)
}

/// An honest head, and the body only up to offset `at` of the whole file. Returns how many bytes were sent.
async fn cut(
    stream: &mut TcpStream,
    request: &Request,
    file: &Publication,
    at: usize,
    state: &State,
) -> io::Result<usize> {
    let length = file.bytes.len();
    let (first, end, code) = match wanted(request, file) {
        Some((first, end)) if first < end => (first, end, 206),
        _ => (0, length, 200),
    };
    let mut lines = validators(file);
    lines.push(b"Accept-Ranges: bytes".to_vec());
    if code == 206 {
        lines.push(format!("Content-Range: bytes {first}-{}/{length}", end - 1).into_bytes());
    }
    lines.push(format!("Content-Length: {}", end - first).into_bytes());
    stream.write_all(&head(code, &lines)).await?;
    let stop = at.clamp(first, end);
    send(stream, request, &file.bytes[first..stop], state).await?;
    Ok(stop - first)
}
