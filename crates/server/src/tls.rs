//! TLS on the server's own port: a certificate of a local authority that is made at the first start, or the
//! administrator's own. Both are renewed and taken up while the server runs; connections that are open go on.

mod authority;
mod handshake;
mod look;
mod machine;
mod name;
mod own;
mod plain;
mod resolver;
mod troubles;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use patchwharf_model::Timestamp;
use rustls::{ServerConfig, crypto::CryptoProvider};

pub(crate) use authority::{CERTIFICATE, KEY, Shown, fingerprint, folder as authority_folder};
pub(crate) use look::watch;
pub use name::Name;
pub(crate) use plain::SENTENCE;
pub use troubles::Troubles;

use crate::config::Config;
use authority::{Authority, Issued};
pub(crate) use name::listed;
use own::Own;
use resolver::{Certificates, Resolver};

/// The certificates of a server, and what keeps them fresh.
#[derive(Debug)]
pub(crate) struct ServerTls {
    config: Config,
    authority: Authority,
    certificates: Arc<Certificates>,
    own: Option<std::sync::Mutex<Own>>,
    issued: std::sync::Mutex<Issued>,
    troubles: Troubles,
}

/// TLS for those who come from this machine, and for everybody else.
#[derive(Clone, Debug)]
pub(crate) struct Acceptors {
    pub(crate) here: Arc<ServerConfig>,
    pub(crate) elsewhere: Arc<ServerConfig>,
}

impl ServerTls {
    /// Opens the local authority, or makes it, with a certificate that is in time; reads the administrator's own.
    ///
    /// # Errors
    /// Something cannot be read, made, or does not fit together.
    pub(crate) async fn open(config: &Config, troubles: Troubles, now: Timestamp) -> anyhow::Result<Arc<Self>> {
        let wanted = machine::names(config.listen, &config.tls.names).await;
        let config = config.clone();
        let opened = tokio::task::spawn_blocking(move || -> anyhow::Result<Arc<Self>> {
            let authority = Authority::open_or_make(&config.data, &wanted.names, now)?;
            let issued = authority.certificate(&wanted, now)?;
            let own = config.tls.own().map(|(certificate, key)| Own::open(certificate, key, now)).transpose()?;
            let certificates = Arc::new(Certificates::new(issued.key.clone(), own.as_ref().map(Own::key)));
            let (own, issued) = (own.map(std::sync::Mutex::new), std::sync::Mutex::new(issued));
            let tls = Self { config, authority, certificates, own, issued, troubles };
            tls.tell(&wanted, now);
            Ok(Arc::new(tls))
        });
        opened.await.context("the certificates could not be opened")?
    }

    /// What connections are accepted with.
    ///
    /// # Errors
    /// There is no provider of cryptography.
    pub(crate) fn acceptors(&self) -> anyhow::Result<Acceptors> {
        let config = |here| -> anyhow::Result<Arc<ServerConfig>> {
            let builder = ServerConfig::builder_with_provider(provider()?).with_safe_default_protocol_versions()?;
            let resolver = Arc::new(Resolver::new(Arc::clone(&self.certificates), here));
            let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(Arc::new(config))
        };
        Ok(Acceptors { here: config(true)?, elsewhere: config(false)? })
    }
}

/// The tree's one provider of cryptography.
pub(crate) fn provider() -> anyhow::Result<Arc<CryptoProvider>> {
    CryptoProvider::get_default().cloned().context("no provider of cryptography is installed")
}

/// The URL at which a server is reached.
pub(crate) fn url(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.tls.is_on() { "https" } else { "http" };
    if address.ip().is_unspecified() {
        return format!("{scheme}://{}:{}", machine::host_name(), address.port());
    }
    format!("{scheme}://{address}")
}

#[cfg(test)]
mod tests;
