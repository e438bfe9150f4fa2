//! S-14: certificates that are not to be trusted. The servers are OpenSSL's own.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use patchwharf_server::fetch::Trust;
use patchwharf_testkit::{Payload, eventually_async};
use tempfile::TempDir;

use crate::rig::{DEADLINE, Rig, source};

struct TlsServer {
    port: u16,
    process: Child,
    folder: TempDir,
}

fn openssl(folder: &Path, arguments: &[&str]) -> bool {
    Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl TlsServer {
    /// A certificate with this name and validity, signed by itself, and a server that shows it. None: no openssl.
    async fn start(name: &str, validity: &[&str], more: &[&str], file: &Payload) -> Option<Self> {
        let folder = TempDir::new().ok()?;
        std::fs::write(folder.path().join("file"), &file.bytes).ok()?;
        let config = format!(
            "[req]\ndistinguished_name = dn\nx509_extensions = ext\nprompt = no\n[dn]\nCN = vendor\n\
             [ext]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = {name}\n"
        );
        std::fs::write(folder.path().join("req.cnf"), config).ok()?;
        let mut request = vec![
            "req",
            "-x509",
            "-config",
            "req.cnf",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ];
        request.extend_from_slice(validity);
        if !openssl(folder.path(), &request) {
            return None;
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
    refused(TlsServer::start("IP:127.0.0.1", &["-days", "30"], &[], &file()).await, false, "UnknownIssuer").await;
}

#[tokio::test]
async fn s_14_a_certificate_of_another_name_is_refused() {
    refused(TlsServer::start("DNS:other.example", &["-days", "30"], &[], &file()).await, true, "NotValidForName").await;
}

#[tokio::test]
async fn s_14_an_expired_certificate_is_refused() {
    // `-days` below zero ends the validity before it begins: expired whatever the clock says.
    refused(TlsServer::start("IP:127.0.0.1", &["-days", "-1"], &[], &file()).await, true, "Expired").await;
}

#[tokio::test]
async fn s_14_old_tls_is_refused() {
    let old = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"];
    refused(TlsServer::start("IP:127.0.0.1", &["-days", "30"], &old, &file()).await, true, "ProtocolVersion").await;
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_by_configuration() {
    let payload = file();
    let Some(server) = TlsServer::start("IP:127.0.0.1", &["-days", "30"], &[], &payload).await else {
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
