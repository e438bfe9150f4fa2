//! S-14: certificates that are not to be trusted. The servers are OpenSSL's own.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use patchwharf_server::fetch::Trust;
use patchwharf_testkit::{Payload, eventually_async};
use rcgen::{CertificateParams, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;

use crate::rig::{DEADLINE, Rig, source};

struct TlsServer {
    port: u16,
    process: Child,
    folder: TempDir,
}

/// When a certificate ends.
#[derive(Clone, Copy)]
enum Until {
    LongAgo,
    LongAfter,
}

impl TlsServer {
    /// A certificate with this name, signed by itself, and a server that shows it. None: no openssl.
    async fn start(name: &str, until: Until, more: &[&str], file: &Payload) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::ExplicitNoCa;
        let (from, to) = match until {
            Until::LongAgo => (2020, 2021),
            Until::LongAfter => (2020, 2100),
        };
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        for (name, bytes) in [
            ("file", &file.bytes[..]),
            ("cert.pem", certificate.as_bytes()),
            ("key.pem", key.serialize_pem().as_bytes()),
        ] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let accept = format!("127.0.0.1:{port}");
        let process = Command::new("openssl")
            .args(["s_server", "-quiet", "-HTTP", "-accept", &accept, "-cert", "cert.pem", "-key", "key.pem"])
            .args(more)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self { port, process, folder };
        eventually_async("the TLS server listens", DEADLINE, || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(())
        })
        .await;
        Some(server)
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}/file", self.port)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn refused(server: Option<TlsServer>, trusted: bool, reason: &str) {
    let Some(server) = server else {
        return patchwharf_testkit::skipped("this needs the program openssl");
    };
    let ca = camino::Utf8PathBuf::from_path_buf(server.folder.path().join("cert.pem")).unwrap();
    let rig = Rig::with(|c| {
        c.ca_file = trusted.then_some(ca);
        c.attempts = 1;
    });
    let payload = Payload::random("a.exe", 100);
    let error = rig.fetch_from(&payload, vec![source(&server.url(), Trust::Configured)]).await.unwrap_err();
    assert_eq!(error.code(), "tls", "{}", crate::rig::whole_text(&error));
    assert!(error.to_string().contains("no switch to ignore"), "{error}");
    assert!(crate::rig::whole_text(&error).contains(reason), "{}", crate::rig::whole_text(&error));
}

fn file() -> Payload {
    Payload::random("a.exe", 10_000)
}

#[tokio::test]
async fn s_14_a_self_signed_certificate_is_refused() {
    refused(TlsServer::start("127.0.0.1", Until::LongAfter, &[], &file()).await, false, "UnknownIssuer").await;
}

#[tokio::test]
async fn s_14_a_certificate_of_another_name_is_refused() {
    refused(TlsServer::start("other.example", Until::LongAfter, &[], &file()).await, true, "NotValidForName").await;
}

#[tokio::test]
async fn s_14_an_expired_certificate_is_refused() {
    refused(TlsServer::start("127.0.0.1", Until::LongAgo, &[], &file()).await, true, "Expired").await;
}

#[tokio::test]
async fn s_14_old_tls_is_refused() {
    let old = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"];
    refused(TlsServer::start("127.0.0.1", Until::LongAfter, &old, &file()).await, true, "ProtocolVersion").await;
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_by_configuration() {
    let payload = file();
    let Some(server) = TlsServer::start("127.0.0.1", Until::LongAfter, &[], &payload).await else {
        return patchwharf_testkit::skipped("this needs the program openssl");
    };
    let ca = camino::Utf8PathBuf::from_path_buf(server.folder.path().join("cert.pem")).unwrap();
    std::fs::write(
        server.folder.path().join("file"),
        [format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", payload.size_bytes()).as_bytes(), &payload.bytes]
            .concat(),
    )
    .unwrap();
    let rig = Rig::with(|c| c.ca_file = Some(ca));
    rig.fetch_from(&payload, vec![source(&server.url(), Trust::Configured)]).await.unwrap();
}
