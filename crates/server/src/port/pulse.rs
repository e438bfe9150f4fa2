//! What a connection does, for the decision how long it is waited for.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{Limits, places::Place};

/// No request has come yet.
const NEW: u8 = 0;
/// A request is under way.
const ASKED: u8 = 1;
/// Its answer is made; the client may still be taking the end of it.
const MADE: u8 = 2;
/// Everything that was asked for is answered and sent.
const SENT: u8 = 3;

/// What is known of a connection.
pub(super) struct Pulse {
    place: Place,
    begun: Instant,
    /// When the last answer was sent: milliseconds since the beginning.
    sent: AtomicU64,
    doing: AtomicU8,
}

impl Pulse {
    pub(super) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self { place, begun: Instant::now(), sent: AtomicU64::new(0), doing: AtomicU8::new(NEW) })
    }

    /// Somebody else has the place: the connection is to be closed.
    pub(super) async fn is_displaced(&self) {
        self.place.is_taken().await;
    }

    /// A request begins; it is under way until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.doing.store(ASKED, Ordering::Relaxed);
        self.place.begin();
        UnderWay(Arc::clone(self))
    }

    /// Returns when the next request has not come in time. That begins when the last answer is sent to its end: a slow line is
    /// no fault.
    pub(super) async fn runs_out(&self, limits: &Limits) {
        loop {
            let end = match self.doing.load(Ordering::Relaxed) {
                NEW => self.begun + limits.first,
                // Looked at again no later than when the time after it could be over.
                ASKED | MADE => Instant::now() + limits.idle,
                _ => self.begun + Duration::from_millis(self.sent.load(Ordering::Relaxed)) + limits.idle,
            };
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// Everything that was written is on its way.
    fn flushed(&self) {
        if self.doing.load(Ordering::Relaxed) == MADE {
            let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.sent.store(now, Ordering::Relaxed);
            self.doing.store(SENT, Ordering::Relaxed);
            self.place.end();
        }
    }
}

/// A request that is not answered yet.
pub(super) struct UnderWay(Arc<Pulse>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.doing.store(MADE, Ordering::Relaxed);
    }
}

/// A stream that tells when everything that was written to it is on its way.
pub(super) struct Told<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Told<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Told<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Told<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.pulse.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
