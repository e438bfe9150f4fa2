//! Somebody speaks plain HTTP to the port: a sentence says what to do. There is no redirect: what was sent, a token
//! perhaps, has already gone over the network for all to read, and a client that is led on would do it every time.

use std::io;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Most bytes of a request that are read before the answer.
const MOST: usize = 16 * 1024;

/// What the answer says.
pub(crate) const SENTENCE: &str = "This port speaks HTTPS: ask again with https:// in place of http://.\n";

/// Answers 400 and hangs up.
pub(super) async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let mut request = vec![0; MOST];
    let mut length = 0;
    while length < MOST && !request[..length].windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut request[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n{SENTENCE}",
        SENTENCE.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // What is still to come is read, or the answer would be lost with the connection.
    let mut left = 64 * MOST;
    while left > 0 {
        match stream.read(&mut request).await? {
            0 => break,
            more => left = left.saturating_sub(more),
        }
    }
    Ok(())
}
