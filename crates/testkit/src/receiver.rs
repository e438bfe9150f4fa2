//! Somebody on loopback who takes HTTP requests with a body: the receiver of a webhook.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use crate::listener::Listener;

/// A request that came.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// Method and path: `POST /hook`.
    pub line: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Delivery {
    /// A header's value; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// A running receiver. Stops when dropped.
#[derive(Debug)]
pub struct Receiver {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    status: AtomicU16,
    deliveries: Mutex<Vec<Delivery>>,
}

impl Receiver {
    /// Starts a receiver that answers 204.
    #[must_use]
    pub fn start() -> Self {
        let shared = Arc::new(Shared { status: AtomicU16::new(204), ..Shared::default() });
        let own = Arc::clone(&shared);
        Self { listener: Listener::start(move |stream| own.take(&stream)), shared }
    }

    /// The absolute URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener.address())
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// What came, in order, whatever was answered.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.deliveries.lock().unwrap().clone()
    }
}

impl Shared {
    fn take(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut delivery = Delivery::default();
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
            match (delivery.line.is_empty(), line.split_once(':')) {
                (true, _) => delivery.line = line.split(' ').take(2).collect::<Vec<_>>().join(" "),
                (false, Some((name, value))) => {
                    delivery.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                (false, None) => return,
            }
            line.clear();
        }
        let length = delivery.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if delivery.line.is_empty() || reader.read_exact(&mut body).is_err() {
            return;
        }
        delivery.body = String::from_utf8_lossy(&body).into_owned();
        self.deliveries.lock().unwrap().push(delivery);
        let status = self.status.load(Ordering::SeqCst);
        let mut stream = stream;
        let text = "the receiver's own words";
        let _ = match status {
            204 => write!(stream, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
            _ => write!(
                stream,
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            ),
        };
    }
}
