//! The port: who may be connected, how long is waited for who says nothing, and how requests are answered (W-17).
//!
//! Every connection has a task of its own from its first byte on, and a [place](places). What a connection may take is
//! bounded before anything is known of who it is: time, memory, and places in all and for each source. Nobody is cut off
//! for having a slow line: only who sends nothing, or takes nothing, for long.
//!
//! HTTP/1.1 alone is spoken: it needs no bounds on streams, resets and windows.

mod connection;
mod limits;
mod places;
mod pulse;

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, serve::Listener};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use limits::Limits;
pub(crate) use places::{Free, Places};

use crate::tls::Acceptors;

/// What all connections share.
pub(crate) struct Port {
    /// TLS; none: plain HTTP.
    pub(crate) tls: Option<Acceptors>,
    /// What answers.
    pub(crate) router: Router,
    /// Who is connected.
    pub(crate) places: Arc<Places>,
    /// What a connection may take.
    pub(crate) limits: Limits,
}

impl Port {
    /// Answers connections until it is told to quit; then those that are open come to the end of what they are asked.
    pub(crate) async fn answer(self, mut tcp: TcpListener, quit: CancellationToken) {
        let (port, connections) = (Arc::new(self), TaskTracker::new());
        while let Some((stream, peer)) = accept(&mut tcp, &quit).await {
            // Without a place the connection is closed here.
            if let Some(place) = port.places.enter(peer.ip()) {
                connections.spawn(connection::answer(Arc::clone(&port), stream, peer, place, quit.clone()));
            }
        }
        drop(tcp);
        connections.close();
        connections.wait().await;
    }
}

async fn accept(tcp: &mut TcpListener, quit: &CancellationToken) -> Option<(tokio::net::TcpStream, SocketAddr)> {
    tokio::select! {
        biased;
        () = quit.cancelled() => None,
        accepted = Listener::accept(tcp) => Some(accepted),
    }
}

#[cfg(test)]
mod tests;
