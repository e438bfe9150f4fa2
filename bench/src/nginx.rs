//! A web server on loopback: the vendor from which everybody fetches, and the peer for serving.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};

/// nginx, serving a folder; ended when dropped.
pub(crate) struct Nginx {
    process: Child,
    pub(crate) port: u16,
}

impl Nginx {
    pub(crate) fn serve(folder: &Utf8Path, work: &Utf8Path) -> Result<Self> {
        let port = free_port()?;
        let configuration: Utf8PathBuf = work.join("nginx.conf");
        std::fs::write(
            &configuration,
            format!(
                "daemon off;\nworker_processes 2;\npid {work}/nginx.pid;\nerror_log {work}/nginx.err;\nuser root;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; types {{}} default_type application/octet-stream;\n\
                 client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;\n\
                 server {{ listen 127.0.0.1:{port}; root {folder}; autoindex on; }} }}\n"
            ),
        )?;
        let process = Command::new("nginx")
            .args(["-c", configuration.as_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start nginx")?;
        wait_for(port)?;
        Ok(Self { process, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers on SIGTERM; SIGKILL would leave them behind.
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// A port on loopback that nobody listens on just now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until somebody listens.
pub(crate) fn wait_for(port: u16) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(Instant::now() < deadline, "nobody listens on port {port} after 20 s");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
