//! A port with a few pages, and clients at several addresses of loopback.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    routing::{get, post},
};
use futures_util::StreamExt as _;
use patchwharf_testkit::eventually_async;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use crate::{
    metrics::Metrics,
    port::{Free, Limits, Places, Port},
    tls::Acceptors,
};

/// Longest wait for what must come.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// More than the kernel keeps for a client that does not read.
pub(super) const BIG: usize = 24 << 20;

/// What the pages share.
#[derive(Clone)]
pub(super) struct Pages {
    /// Requests at `/smuggled`.
    smuggled: Arc<AtomicUsize>,
    /// Requests that `/held` has begun to hold.
    held: Arc<AtomicUsize>,
    /// `/held` answers when it becomes true.
    release: watch::Receiver<bool>,
}

pub(super) struct Rig {
    pub(super) address: SocketAddr,
    pub(super) metrics: Metrics,
    pub(super) release: watch::Sender<bool>,
    smuggled: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
    quit: CancellationToken,
}

/// So long that nothing is over before a test is.
pub(super) fn patient() -> Limits {
    let long = Duration::from_secs(3_600);
    Limits { handshake: long, first: long, idle: long, body: long, stalled: long, ..Limits::default() }
}

impl Rig {
    /// 127.0.0.1 is free of the limit of a source, the other addresses of loopback are not.
    pub(super) async fn new(limits: Limits, tls: Option<Acceptors>) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let (metrics, quit) = (Metrics::default(), CancellationToken::new());
        let [smuggled, held] = [(); 2].map(|()| Arc::<AtomicUsize>::default());
        let (release, released) = watch::channel(false);
        let pages = Pages { smuggled: Arc::clone(&smuggled), held: Arc::clone(&held), release: released };
        let router = Router::new()
            .route("/", get(|| async { "here" }).post(|body: String| async move { body }))
            .route("/sink", post(sink))
            .route("/big", get(|| async { vec![b'x'; BIG] }))
            .route("/pieces", get(|| async { Body::from_stream(pieces()) }))
            .route("/held", get(held_back))
            .route("/smuggled", get(smuggle).post(smuggle))
            .with_state(pages);
        let free = Free { loopback: false, networks: vec!["127.0.0.1".parse().unwrap()] };
        let places = Places::new(limits.clone(), free, metrics.clone());
        tokio::spawn(Port { tls, router, places, limits }.answer(tcp, quit.clone()));
        Self { address, metrics, release, smuggled, held, quit }
    }

    /// Connects from 127.0.0.`last`.
    pub(super) async fn connect(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Connects and sends.
    pub(super) async fn send(&self, last: u8, request: &str) -> TcpStream {
        let mut stream = self.connect(last).await;
        // Where there is no place, it may be closed already.
        let _ = stream.write_all(request.as_bytes()).await;
        stream
    }

    /// Whether a new connection from there is answered; false: it is closed without.
    pub(super) async fn serves(&self, last: u8) -> bool {
        let mut stream = self.send(last, GET).await;
        is_answered(&mut stream).await
    }

    pub(super) fn smuggled(&self) -> usize {
        self.smuggled.load(Ordering::SeqCst)
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        let text = self.metrics.text().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("patchwharf_{name} ")));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Connects from there with a request that is under way until it is released.
    pub(super) async fn hold(&self, last: u8) -> TcpStream {
        let before = self.held.load(Ordering::SeqCst);
        let stream = self.send(last, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let begun = || async { (self.held.load(Ordering::SeqCst) > before).then_some(()) };
        eventually_async("the request is under way", DEADLINE, begun).await;
        stream
    }

    /// Waits until so many connections are open, as the server sees it.
    pub(super) async fn until_open(&self, count: u64) {
        let wanted = || async { (self.count("connections") == count).then_some(()) };
        eventually_async(&format!("{count} connections are open"), DEADLINE, wanted).await;
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.quit.cancel();
    }
}

async fn sink(body: Body) -> String {
    let mut stream = body.into_data_stream();
    let mut bytes = 0;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => bytes += piece.len(),
            Err(error) => return format!("broken after {bytes}: {error}"),
        }
    }
    format!("{bytes} bytes")
}

async fn smuggle(State(pages): State<Pages>) {
    pages.smuggled.fetch_add(1, Ordering::SeqCst);
}

async fn held_back(State(mut pages): State<Pages>) -> &'static str {
    pages.held.fetch_add(1, Ordering::SeqCst);
    let _ = pages.release.wait_for(|released| *released).await;
    "released"
}

fn pieces() -> impl futures_util::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send {
    futures_util::stream::iter((0..BIG / 65_536).map(|_| Ok(vec![b'x'; 65_536])))
}

pub(super) const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Whether an answer with status 200 comes.
pub(super) async fn is_answered(stream: &mut TcpStream) -> bool {
    let mut first = [0; 15];
    let read = tokio::time::timeout(DEADLINE, stream.read_exact(&mut first)).await.expect("an answer or the end");
    read.is_ok() && &first == b"HTTP/1.1 200 OK"
}

/// What comes until the server closes, which must be.
pub(super) async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("the server closes it");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether the server has not closed it.
pub(super) fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0; 16]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}
