#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_testkit::Authority as Company;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{machine::Wanted, *};

/// A server's certificates and the port, with a clock of the test's.
struct Rig {
    home: TempDir,
    tls: Arc<ServerTls>,
    address: SocketAddr,
    wanted: Wanted,
}

/// The time of the machine: clients look at it, too.
fn now() -> Timestamp {
    Timestamp::now()
}

fn later(days: i64) -> Timestamp {
    now().checked_add(Duration::from_secs(days.unsigned_abs() * 86_400)).unwrap()
}

fn config(home: &TempDir) -> Config {
    patchwharf_trust::install_crypto_provider();
    let data = Utf8Path::from_path(home.path()).unwrap().to_owned();
    Config { data, listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() }
}

impl Rig {
    async fn new(config: Config, home: TempDir, at: Timestamp) -> Self {
        let tls = ServerTls::open(&config, Troubles::default(), at).await.unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        // A page that answers with what it is sent, as long as the connection lasts.
        let acceptors = tls.acceptors().unwrap();
        tokio::spawn(async move {
            loop {
                let ((stream, peer), acceptors) = (tcp.accept().await.unwrap(), acceptors.clone());
                tokio::spawn(async move {
                    let Ok(Some(stream)) = acceptors.accept(stream, peer, |stream| stream).await else { return };
                    let (mut read, mut write) = tokio::io::split(stream);
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        let wanted = machine::names(config.listen, &config.tls.names).await;
        Self { home, tls, address, wanted }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.home.path()).unwrap().join(name)
    }

    fn look(&self, at: Timestamp) {
        self.tls.look(&self.wanted, at);
    }

    /// Connects as who trusts this authority alone.
    async fn connect(&self, pem: &str, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let tcp = TcpStream::connect(self.address).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }

    fn local(&self) -> String {
        fs::read_to_string(self.path("tls/ca.pem")).unwrap()
    }
}

fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let connection: &ClientConnection = stream.get_ref().1;
    connection.peer_certificates().unwrap()[0].to_vec()
}

async fn echoes(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(b"still here").await.unwrap();
    let mut back = [0; 10];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"still here");
}

fn mode(path: &Utf8Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_first_start_makes_an_authority_and_a_certificate_and_the_next_ones_keep_them() {
    let home = TempDir::new().unwrap();
    let config = config(&home);
    let rig = Rig::new(config.clone(), home, now()).await;
    assert_eq!(mode(&rig.path("tls")), 0o700);
    assert_eq!(mode(&rig.path("tls/ca.key")), 0o600);
    assert_eq!(mode(&rig.path("tls/server.pem")), 0o600);
    for name in ["localhost", "127.0.0.1", &machine::host_name()] {
        let mut stream = rig.connect(&rig.local(), name).await.unwrap();
        echoes(&mut stream).await;
    }
    assert!(rig.tls.issued.lock().unwrap().names.contains(&"::1".parse().unwrap()));
    let files = ["tls/ca.pem", "tls/ca.key", "tls/server.pem"];
    let before = files.map(|file| fs::read(rig.path(file)).unwrap());
    ServerTls::open(&config, Troubles::default(), later(59)).await.unwrap();
    assert_eq!(files.map(|file| fs::read(rig.path(file)).unwrap()), before);
    // Another authority, of the same name even, vouches for nothing here.
    let refused = rig.connect(Company::root("other").pem(), "localhost").await.unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
}

#[tokio::test]
async fn a_certificate_is_renewed_at_day_60_and_taken_up_while_connections_go_on() {
    let home = TempDir::new().unwrap();
    let rig = Rig::new(config(&home), home, now()).await;
    let mut old = rig.connect(&rig.local(), "localhost").await.unwrap();
    rig.look(later(59));
    assert_eq!(shown(&rig.connect(&rig.local(), "localhost").await.unwrap()), shown(&old), "day 59");
    let ends = rig.tls.issued.lock().unwrap().ends;
    assert_eq!((ends.as_second() - now().as_second() + 3_600 + 60) / 86_400, 90);
    // The clients of this test have the machine's time: to them a certificate that begins in 60 days is none, but the
    // server's side can be seen.
    rig.look(later(60));
    let issued = rig.tls.issued.lock().unwrap().ends;
    assert!(issued > later(149) && issued < later(151), "{issued}");
    let refused = rig.connect(&rig.local(), "localhost").await.unwrap_err();
    assert!(refused.to_string().contains("not valid yet"), "{refused}");
    echoes(&mut old).await;
    // A clock that was ahead is set right: the certificate of the future is replaced at once.
    rig.look(now());
    let mut new = rig.connect(&rig.local(), "localhost").await.unwrap();
    assert_ne!(shown(&new), shown(&old));
    echoes(&mut new).await;
    echoes(&mut old).await;
}

#[tokio::test]
async fn an_old_certificate_is_renewed_at_the_start_and_one_that_lacks_a_name_too() {
    let home = TempDir::new().unwrap();
    let mut config = config(&home);
    let old = now().checked_sub(Duration::from_secs(61 * 86_400)).unwrap();
    config.tls.names = vec!["patch.example.org".parse().unwrap()];
    ServerTls::open(&config, Troubles::default(), old).await.unwrap();
    let before = fs::read(config.data.join("tls/server.pem")).unwrap();
    config.tls.names.clear();
    let rig = Rig::new(config.clone(), home, now()).await;
    assert_ne!(fs::read(rig.path("tls/server.pem")).unwrap(), before);
    assert!(rig.connect(&rig.local(), "localhost").await.is_ok());
    assert!(rig.connect(&rig.local(), "patch.example.org").await.is_err());
    config.tls.names = vec!["patch.example.org".parse().unwrap(), "10.1.2.3".parse().unwrap()];
    let troubles = Troubles::default();
    let again = ServerTls::open(&config, troubles.clone(), now()).await.unwrap();
    let issued = again.issued.lock().unwrap();
    assert!(config.tls.names.iter().all(|name| issued.names.contains(name)), "{issued:?}");
    assert_eq!(troubles.all(), []);
}

#[tokio::test]
async fn an_authority_vouches_for_no_names_but_those_it_was_made_for() {
    let home = TempDir::new().unwrap();
    let mut config = config(&home);
    ServerTls::open(&config, Troubles::default(), now()).await.unwrap();
    config.tls.names = vec!["bank.example".parse().unwrap(), "198.51.100.7".parse().unwrap()];
    let troubles = Troubles::default();
    let tls = ServerTls::open(&config, troubles.clone(), now()).await.unwrap();
    assert!(!tls.issued.lock().unwrap().names.contains(&config.tls.names[0]));
    let told = format!("{:?}", troubles.all());
    assert!(told.contains("bank.example") && told.contains("198.51.100.7") && told.contains("move"), "{told}");
    // Nor do clients believe it, should its key be used by somebody else.
    let ca = fs::read_to_string(config.data.join("tls/ca.pem")).unwrap();
    let key = rcgen::KeyPair::from_pem(&fs::read_to_string(config.data.join("tls/ca.key")).unwrap()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&ca, key).unwrap();
    let stolen = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["bank.example".to_owned()]).unwrap();
    let forged = params.signed_by(&stolen, &issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let verifier = rustls::client::WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap();
    let verdict = rustls::client::danger::ServerCertVerifier::verify_server_cert(
        &*verifier,
        forged.der(),
        &[],
        &"bank.example".try_into().unwrap(),
        &[],
        rustls::pki_types::UnixTime::now(),
    );
    let refused = format!("{:?}", verdict.unwrap_err());
    assert!(refused.contains("NameConstraintViolation"), "{refused}");
}

#[tokio::test]
async fn half_of_an_authority_is_no_reason_to_make_another() {
    let home = TempDir::new().unwrap();
    let config = config(&home);
    let tls = |config: Config| async move { ServerTls::open(&config, Troubles::default(), now()).await };
    tls(config.clone()).await.unwrap();
    let key = config.data.join("tls/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = format!("{:#}", tls(config.clone()).await.unwrap_err());
    assert!(error.contains("could have been read by others"), "{error}");
    fs::rename(&key, config.data.join("tls/elsewhere")).unwrap();
    let error = format!("{:#}", tls(config.clone()).await.unwrap_err());
    assert!(error.contains("ca.key is gone") && error.contains("backup"), "{error}");
    fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let error = format!("{:#}", tls(config.clone()).await.unwrap_err());
    assert!(error.contains("is not the key of"), "{error}");
    // A start that was killed after the key leaves it to the next.
    fs::remove_file(config.data.join("tls/ca.pem")).unwrap();
    let kept = fs::read(&key).unwrap();
    tls(config).await.unwrap();
    assert_eq!(fs::read(&key).unwrap(), kept);
}

/// A certificate of a company's authority.
fn put_own(rig: &Utf8Path, company: &Company, host: &str) {
    let (certificate, key) = company.certificate(host).pem();
    fs::write(rig.join("own.pem"), certificate).unwrap();
    fs::write(rig.join("own.key"), key).unwrap();
    fs::set_permissions(rig.join("own.key"), fs::Permissions::from_mode(0o640)).unwrap();
}

#[tokio::test]
async fn the_administrators_own_certificate_is_taken_up_anew_and_a_broken_one_is_not() {
    let home = TempDir::new().unwrap();
    let mut config = config(&home);
    let company = Company::root("company");
    put_own(&config.data, &company, "patch.example.org");
    config.tls.certificate = Some(config.data.join("own.pem"));
    config.tls.key = Some(config.data.join("own.key"));
    let data = config.data.clone();
    let rig = Rig::new(config, home, now()).await;
    let own = || rig.connect(company.pem(), "patch.example.org");
    let mut first = own().await.unwrap();
    // The command line of this machine has its pin.
    assert!(rig.connect(&rig.local(), "127.0.0.1").await.is_ok());
    assert!(rig.connect(&rig.local(), "patch.example.org").await.is_err());

    put_own(&data, &company, "patch.example.org");
    rig.look(now());
    let second = own().await.unwrap();
    assert_ne!(shown(&second), shown(&first));
    echoes(&mut first).await;

    for (file, text, said) in [
        ("own.pem", "no certificate", "there is no PEM certificate"),
        ("own.key", "no key", "there is no PEM key"),
        ("own.key", company.certificate("other").pem().1.as_str(), "does not belong to"),
    ] {
        let before = fs::read(data.join(file)).unwrap();
        fs::write(data.join(file), text).unwrap();
        rig.look(now());
        assert_eq!(rig.tls.troubles.all(), [], "a file may still be written");
        rig.look(now());
        let told = format!("{:?}", rig.tls.troubles.all());
        assert!(told.contains(said) && told.contains("stays in use"), "{told}");
        assert_eq!(shown(&own().await.unwrap()), shown(&second));
        fs::write(data.join(file), before).unwrap();
        rig.look(now());
        assert_eq!(rig.tls.troubles.all(), []);
        assert_eq!(shown(&own().await.unwrap()), shown(&second));
    }
    echoes(&mut first).await;
}

#[tokio::test]
async fn an_own_certificate_that_cannot_be_used_is_no_start() {
    let home = TempDir::new().unwrap();
    let mut config = config(&home);
    put_own(&config.data, &Company::root("company"), "patch.example.org");
    config.tls.certificate = Some(config.data.join("own.pem"));
    config.tls.key = Some(config.data.join("own.key"));
    let error = |config: &Config| {
        let config = config.clone();
        async move { format!("{:#}", ServerTls::open(&config, Troubles::default(), now()).await.unwrap_err()) }
    };
    fs::set_permissions(config.data.join("own.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = error(&config).await;
    assert!(said.contains("can be read by everybody") && said.contains("chmod 640"), "{said}");
    fs::remove_file(config.data.join("own.pem")).unwrap();
    let said = error(&config).await;
    assert!(said.contains("cannot read `tls.certificate`"), "{said}");
}

#[tokio::test]
async fn who_is_slow_or_speaks_something_else_holds_up_nobody() {
    let home = TempDir::new().unwrap();
    let rig = Rig::new(config(&home), home, now()).await;
    let silent = TcpStream::connect(rig.address).await.unwrap();
    let mut half = TcpStream::connect(rig.address).await.unwrap();
    half.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut plain = TcpStream::connect(rig.address).await.unwrap();
    plain.write_all(b"GET /console HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(SENTENCE), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("location:"), "{answer}");
    echoes(&mut rig.connect(&rig.local(), "localhost").await.unwrap()).await;
    drop((silent, half));
}
