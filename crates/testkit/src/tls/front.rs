//! TLS in front of a vendor that speaks plain HTTP.

use std::{net::SocketAddr, sync::Arc, thread};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

use super::Certificate;
use crate::Vendor;

/// A port at which a vendor is reached by https. Closed when dropped.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl TlsFront {
    /// Opens a port at 127.0.0.1 that shows this certificate and passes everything on to the vendor.
    #[must_use]
    pub fn start(vendor: &Vendor, certificate: Certificate) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's own versions")
            .with_no_client_auth()
            .with_single_cert(certificate.chain, certificate.key)
            .expect("a key that fits its certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel();
        let behind = vendor.address();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    _ = stopped => {}
                    () = listen(&listener, &acceptor, behind) => {}
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// The absolute URL of a path (which begins with a slash).
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn listen(listener: &TcpListener, acceptor: &TlsAcceptor, behind: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        // A client that does not like the certificate ends this with an error, which is the client's to tell.
        tokio::spawn(async move {
            let mut client = acceptor.accept(stream).await?;
            let mut vendor = TcpStream::connect(behind).await?;
            tokio::io::copy_bidirectional(&mut client, &mut vendor).await
        });
    }
}
