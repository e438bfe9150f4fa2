//! HTTPS from outside: the server as it is without configuration.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use patchwharf_testkit::{
    Authority, Server, eventually_async,
    server::{Client, DEADLINE, TEST_CONFIG},
};
use reqwest::Method;
use serde_json::json;

use crate::world::BINARY;

#[tokio::test]
async fn the_command_line_knows_the_server_of_its_data_folder_and_no_other() {
    let server = Server::setup(BINARY).tls().start().await;
    assert!(server.url("").starts_with("https://"));
    let run = server.patchwharf(&["job", "list"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let mode = std::fs::metadata(server.data().join("tls/ca.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Another authority, as another server's data folder would have it.
    let other = server.data().join("other.pem");
    std::fs::write(&other, Authority::root("other").pem()).unwrap();
    let run = server.patchwharf(&["--ca", other.to_str().unwrap(), "job", "list"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    for part in ["other.pem does not vouch for it", "--ca FILE", "fingerprint", "somebody else may answer"] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    // The machine's own authorities vouch for none of ours.
    std::fs::rename(server.data().join("tls/ca.pem"), server.data().join("tls/away.pem")).unwrap();
    let run = server.patchwharf(&["job", "list"]);
    assert!(run.code == Some(2) && run.stderr.contains("no authority of this machine vouches for it"), "{run:?}");
    std::fs::rename(server.data().join("tls/away.pem"), server.data().join("tls/ca.pem")).unwrap();

    let plain = server.url("").replace("https:", "http:");
    let run = server.patchwharf(&["--server", &plain, "job", "list"]);
    assert!(run.code == Some(2) && run.stderr.contains("speaks HTTPS: write --server https://"), "{run:?}");
    let answer = Client::anonymous(&plain).call(Method::GET, "/console", None).await;
    assert_eq!((answer.status, answer.header("location")), (400, None));
    assert!(answer.text().contains("https://"), "{}", answer.text());

    let run = server.patchwharf(&["tls", "show"]);
    assert!(run.code == Some(0) && run.stdout.contains("localhost") && run.stdout.contains("ca.pem"), "{run:?}");
    let run = server.patchwharf(&["tls", "show", "--pem"]);
    assert_eq!(run.stdout, server.authority().unwrap());
}

#[tokio::test]
async fn a_server_with_plain_http_is_told_apart() {
    let server = Server::start(BINARY).await;
    let wrong = server.url("").replace("http:", "https:");
    let run = server.patchwharf(&["--server", &wrong, "job", "list"]);
    assert!(run.code == Some(2) && run.stderr.contains("does not speak TLS"), "{run:?}");
    assert!(!server.data().join("tls").exists(), "who speaks plain HTTP has no authority");
}

#[tokio::test]
async fn w_10_the_sessions_cookie_goes_over_tls_only_and_nothing_tells_browsers_about_other_ports() {
    let server = Server::setup(BINARY).tls().start().await;
    let link = std::fs::read_to_string(server.data().join("set-up.link")).unwrap();
    assert!(link.starts_with(&server.url("/console/set-up#")), "{link}");
    let secret = link.trim().split_once('#').unwrap().1;
    let browser = Client::trusting(&server.url(""), &server.authority().unwrap());
    let wish = json!({ "link": secret, "name": "anna", "password": "four quite long words" });
    let request = browser.request(Method::POST, "/api/v1/session/set-up").header("sec-fetch-site", "same-origin");
    let answer = browser.send(request.json(&wish)).await.unwrap();
    assert!(answer.status < 300, "{}", answer.text());
    let cookies: Vec<&str> =
        answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-patchwharf=")), "{cookies:?}");
    assert!(cookies.iter().all(|cookie| cookie.contains("; Secure") && cookie.contains("HttpOnly")), "{cookies:?}");
    assert_eq!(answer.header("strict-transport-security"), None);
}

fn serve(data: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(BINARY);
    command.arg("--data").arg(data).arg("serve").args(arguments).env_remove("PATCHWHARF_TLS");
    command.output().unwrap()
}

#[test]
fn plain_http_beyond_loopback_is_no_start() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    for (listen, mode) in [("0.0.0.0:0", "off"), ("[::]:0", "off"), ("192.0.2.7:8480", "off")] {
        let output = serve(&data, &["--listen", listen, "--tls", mode]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for part in ["plain HTTP", "--tls off", "--listen 127.0.0.1"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert!(!data.exists(), "nothing was begun");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("patchwharf.toml"), "listen = '0.0.0.0:8480'\n[tls]\nmode = 'off'\n").unwrap();
    let output = serve(&data, &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("plain HTTP"), "{output:?}");
}

fn put_own(server: &Server, company: &Authority) {
    let (certificate, key) = company.certificate("localhost.example").pem();
    let path = |name: &str| server.data().join(name);
    std::fs::write(path("own.key.new"), key).unwrap();
    std::fs::set_permissions(path("own.key.new"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::write(path("own.pem.new"), certificate).unwrap();
    std::fs::rename(path("own.key.new"), path("own.key")).unwrap();
    std::fs::rename(path("own.pem.new"), path("own.pem")).unwrap();
}

#[tokio::test]
async fn an_own_certificate_that_changes_is_taken_up_without_a_restart_while_a_request_runs() {
    let company = Authority::root("company");
    let mut server = Server::setup(BINARY).tls().prepare().await;
    put_own(&server, &company);
    let at = |name: &str| server.data().join(name).display().to_string();
    let text = format!("{TEST_CONFIG}\n[tls]\ncertificate = '{}'\nkey = '{}'\n", at("own.pem"), at("own.key"));
    server.set_config(&text);
    server.restart().await;
    let port: u16 = server.url("").rsplit(':').next().unwrap().parse().unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    // A client of its own for each look: a new connection, which sees the certificate that is in use.
    let look = || async {
        let certificate = reqwest::Certificate::from_pem(company.pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_info(true)
            .resolve("localhost.example", address)
            .tls_certs_only([certificate])
            .build()
            .unwrap();
        let response = http.get(format!("https://localhost.example:{port}/healthz")).send().await.unwrap();
        let info = response.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
        info.peer_certificate().unwrap().to_vec()
    };
    let first = look().await;
    let request = server.api().request(Method::GET, "/api/v1/logs/events").header("last-event-id", "0");
    let mut events = request.send().await.unwrap();
    let mut told = String::new();

    put_own(&server, &company);
    let second = eventually_async("the new certificate is in use", DEADLINE, || async {
        let now = look().await;
        (now != first).then_some(now)
    })
    .await;

    std::fs::write(server.data().join("own.pem"), "broken").unwrap();
    eventually_async("the broken file is told of", DEADLINE, || async {
        let page: serde_json::Value = server.api().get("/api/v1/logs?level=error").await;
        page.to_string().contains("the one before stays in use").then_some(())
    })
    .await;
    assert_eq!(look().await, second);
    // The request that began under the first certificate goes on.
    while !told.contains("the one before stays in use") {
        let piece = tokio::time::timeout(DEADLINE, events.chunk()).await.expect("the stream goes on").unwrap();
        told.push_str(&String::from_utf8_lossy(&piece.expect("the stream has no end")));
    }
    let run = server.patchwharf(&["job", "list"]);
    assert_eq!(run.code, Some(0), "the command line on this machine has its pin: {run:?}");
}

#[tokio::test]
async fn a_restored_server_is_trusted_as_before() {
    let server = Server::setup(BINARY).tls().start().await;
    let home = tempfile::tempdir().unwrap();
    let (backup, data) = (home.path().join("backup"), home.path().join("data"));
    let run = server.patchwharf(&["backup", backup.to_str().unwrap(), "--plain"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let output = Command::new(BINARY).arg("--data").arg(&data).arg("restore").arg(&backup).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for file in ["tls/ca.pem", "tls/ca.key"] {
        assert_eq!(std::fs::read(data.join(file)).unwrap(), std::fs::read(server.data().join(file)).unwrap(), "{file}");
    }
    let mode = |path: &str| std::fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("tls"), mode("tls/ca.key")), (0o700, 0o600));
}
