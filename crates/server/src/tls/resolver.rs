//! Which certificate a connection is shown.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// What can be shown. A new one counts for connections that come after it.
#[derive(Debug)]
pub(super) struct Certificates {
    local: RwLock<Arc<CertifiedKey>>,
    own: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Certificates {
    pub(super) fn new(local: Arc<CertifiedKey>, own: Option<Arc<CertifiedKey>>) -> Self {
        Self { local: RwLock::new(local), own: RwLock::new(own) }
    }

    /// Takes up a certificate of the local authority.
    pub(super) fn set_local(&self, key: Arc<CertifiedKey>) {
        *self.local.write().unwrap_or_else(PoisonError::into_inner) = key;
    }

    /// Takes up a certificate of the administrator's.
    pub(super) fn set_own(&self, key: Arc<CertifiedKey>) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = Some(key);
    }

    fn local(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.local.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn own(&self) -> Option<Arc<CertifiedKey>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Shows the administrator's own certificate where there is one. Who comes from this machine by address or as `localhost`,
/// which no such certificate is for, is shown the local authority's: the command line always finds its pin.
#[derive(Debug)]
pub(super) struct Resolver {
    certificates: Arc<Certificates>,
    from_here: bool,
}

impl Resolver {
    pub(super) fn new(certificates: Arc<Certificates>, from_here: bool) -> Self {
        Self { certificates, from_here }
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if self.from_here && matches!(hello.server_name(), None | Some("localhost")) {
            return Some(self.certificates.local());
        }
        Some(self.certificates.own().unwrap_or_else(|| self.certificates.local()))
    }
}
