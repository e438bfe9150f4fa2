//! The port: handshakes go on beside each other, so that who is slow holds up nobody.

use std::{io, net::SocketAddr, time::Duration};

use axum::serve::Listener;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Acceptors, plain};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Handshakes at once; who comes then waits in the kernel's queue.
const MOST: usize = 1_024;
/// The first byte of every TLS connection.
const HANDSHAKE: u8 = 0x16;

/// Accepts connections that speak TLS.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    here: TlsAcceptor,
    elsewhere: TlsAcceptor,
    under_way: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    pub(crate) fn new(tcp: TcpListener, acceptors: Acceptors) -> Self {
        let [here, elsewhere] = [acceptors.here, acceptors.elsewhere].map(TlsAcceptor::from);
        Self { tcp, here, elsewhere, under_way: JoinSet::new() }
    }

    fn begin(&mut self, stream: TcpStream, peer: SocketAddr) {
        let own = stream.local_addr();
        let is_here = peer.ip().to_canonical().is_loopback() || own.is_ok_and(|own| own.ip() == peer.ip());
        let acceptor = if is_here { self.here.clone() } else { self.elsewhere.clone() };
        self.under_way.spawn(async move {
            let shaken = tokio::time::timeout(PATIENCE, shake(acceptor, stream)).await;
            match shaken {
                Ok(Ok(stream)) => stream.map(|stream| (stream, peer)),
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "a connection did not become TLS");
                    None
                }
                Err(_) => {
                    tracing::debug!(%peer, "a connection did not become TLS in time");
                    None
                }
            }
        });
    }
}

async fn shake(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Ok(None),
        _ if first == [HANDSHAKE] => acceptor.accept(stream).await.map(Some),
        _ => plain::refuse(stream).await.map(|()| None),
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, peer) = Listener::accept(&mut self.tcp), if self.under_way.len() < MOST => self.begin(stream, peer),
                Some(done) = self.under_way.join_next() => {
                    if let Ok(Some(accepted)) = done {
                        return accepted;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
