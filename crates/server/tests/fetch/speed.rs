//! How fast downloads are, from nginx on loopback. Run by hand:
//! `cargo test -p patchwharf-server --test fetch -- --ignored --nocapture speed`.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Instant,
};

use patchwharf_server::fetch::Trust;
use patchwharf_testkit::{Payload, eventually_async};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::rig::{DEADLINE, Rig, source};

struct Nginx {
    port: u16,
    process: Child,
    folder: TempDir,
}

impl Nginx {
    async fn start() -> Option<Self> {
        let folder = TempDir::new().ok()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let home = folder.path().display();
        let config = format!(
            "daemon off; master_process off; user root; pid {home}/pid; worker_processes 1; error_log stderr; events {{ worker_connections 512; }}\n\
             http {{ access_log off; sendfile on; keepalive_requests 100000; server {{ listen 127.0.0.1:{port}; root {home}/files; }} }}\n"
        );
        std::fs::create_dir(folder.path().join("files")).ok()?;
        std::fs::write(folder.path().join("conf"), config).ok()?;
        let process = Command::new("nginx")
            .args(["-c", &format!("{home}/conf"), "-p", &home.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        eventually_async("nginx listens", DEADLINE, || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(())
        })
        .await;
        Some(Self { port, process, folder })
    }

    fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("files")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn publish(folder: &Path, label: &str, count: usize, size: usize) -> Vec<Payload> {
    (0..count)
        .map(|n| {
            let payload = Payload::random(format!("{label}{n}"), size);
            std::fs::write(folder.join(&payload.name), &payload.bytes).unwrap();
            payload
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures: prints figures and asserts nothing; run by hand with --ignored --nocapture"]
async fn speed() {
    let Some(nginx) = Nginx::start().await else {
        return patchwharf_testkit::skipped("this needs nginx");
    };
    for (label, count, size) in [("small", 4_000, 4 << 10), ("middle", 1_000, 256 << 10), ("large", 8, 64 << 20)] {
        let payloads = publish(&nginx.files(), label, count, size);
        for _ in 0..3 {
            let rig = Arc::new(Rig::new());
            let begun = Instant::now();
            let mut all = JoinSet::new();
            for payload in payloads.clone() {
                let (rig, url) = (Arc::clone(&rig), format!("http://127.0.0.1:{}/{}", nginx.port, payload.name));
                all.spawn(async move {
                    rig.fetch_from(&payload, vec![source(&url, Trust::Configured)]).await.unwrap().digests().size_bytes
                });
            }
            let bytes: u64 = all.join_all().await.into_iter().sum();
            let seconds = begun.elapsed().as_secs_f64();
            println!(
                "{label}: {count} files of {size} bytes in {seconds:.2} s: {:.0} files/s, {:.0} MB/s",
                count as f64 / seconds,
                bytes as f64 / seconds / 1e6
            );
        }
    }
}
