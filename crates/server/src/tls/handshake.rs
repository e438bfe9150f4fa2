//! From the first byte of a connection to TLS.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Acceptors, plain};

/// The first byte of every TLS connection.
const HANDSHAKE: u8 = 0x16;

impl Acceptors {
    /// Makes TLS of a connection, of which `wrap` makes the stream that it goes over. None: the client left, or spoke plain
    /// HTTP and was told.
    ///
    /// # Errors
    /// The handshake failed.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        wrap: impl FnOnce(TcpStream) -> S,
    ) -> io::Result<Option<TlsStream<S>>> {
        let mut first = [0];
        match stream.peek(&mut first).await? {
            0 => Ok(None),
            _ if first == [HANDSHAKE] => {
                let own = stream.local_addr();
                let is_here = peer.ip().to_canonical().is_loopback() || own.is_ok_and(|own| own.ip() == peer.ip());
                let config = if is_here { &self.here } else { &self.elsewhere };
                TlsAcceptor::from(Arc::clone(config)).accept(wrap(stream)).await.map(Some)
            }
            _ => plain::refuse(stream).await.map(|()| None),
        }
    }
}
