//! One connection, from its first byte to its last.

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, extract::ConnectInfo};
use bytes::Bytes;
use hyper::{
    Request,
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower_http::timeout::TimeoutBody;

use super::{
    Port,
    places::Place,
    pulse::{Pulse, Told, UnderWay},
};

/// Answers what comes over a connection until it ends, has to go, or is too slow.
pub(super) async fn answer(
    port: Arc<Port>,
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    quit: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    // The kernel gives up on a client that takes nothing, be it gone or unwilling; who takes a little is left alone.
    let _ = set_tcp_user_timeout(&stream, u32::try_from(port.limits.stalled.as_millis()).unwrap_or(u32::MAX));
    let pulse = Pulse::new(place);
    match &port.tls {
        None => speak(&port, Told::new(stream, Arc::clone(&pulse)), peer, &pulse, &quit).await,
        Some(acceptors) => {
            let told = Arc::clone(&pulse);
            let shaken = acceptors.accept(stream, peer, |stream| Told::new(stream, told));
            let shaken = tokio::select! {
                shaken = tokio::time::timeout(port.limits.handshake, shaken) => shaken,
                () = pulse.is_displaced() => return,
                () = quit.cancelled() => return,
            };
            match shaken {
                Ok(Ok(Some(stream))) => speak(&port, stream, peer, &pulse, &quit).await,
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a connection did not become TLS"),
                Err(_) => port.places.count("slow", 1),
            }
        }
    }
}

async fn speak<S>(port: &Port, stream: S, peer: SocketAddr, pulse: &Arc<Pulse>, quit: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let service = service_fn(|request: Request<Incoming>| {
        let under_way = pulse.begin();
        let mut request = request.map(|body| Body::new(TimeoutBody::new(port.limits.body, body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = port.router.clone().oneshot(request);
        async move { answer.await.map(|answer| answer.map(|body| Answer { body, _under_way: under_way })) }
    });
    let mut http = http1::Builder::new();
    // Time is measured here: hyper's own would count while a slow line still takes the end of the last answer.
    http.max_buf_size(port.limits.head_bytes).header_read_timeout(None);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut too_slow = pin!(pulse.runs_out(&port.limits));
    let mut quitting = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection broke");
                }
                return;
            }
            () = pulse.is_displaced() => return,
            () = too_slow.as_mut() => return port.places.count("slow", 1),
            () = quit.cancelled(), if !quitting => {
                quitting = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The body of an answer: its request is under way until it is sent.
struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
