//! Files that are sent to the server: bounds before bytes, nothing left behind, nothing taken that the catalogue does not
//! pin.

use std::{net::SocketAddr, path::PathBuf};

use patchwharf_model::{
    api::{Job, Page},
    job::JobState,
};
use patchwharf_testkit::{
    eventually_async,
    server::{Client, DEADLINE},
};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{World, done};

const TEN_GIB: u64 = 10 << 30;

struct Rig {
    world: World,
    /// Where the file of B-1 is sent to: 20,000 bytes.
    path: String,
}

impl Rig {
    async fn new() -> Self {
        let world = World::new().await;
        let path = format!("/api/v1/updates/{}/supply", world.bulletin("B-1").await.software_updates[0].id);
        Self { world, path }
    }

    fn api(&self) -> &Client {
        self.world.server.api()
    }

    /// Begins a request by hand.
    async fn begin(&self, path: &str, head: &str) -> TcpStream {
        let token = std::fs::read_to_string(self.world.server.data().join("admin.token")).unwrap();
        let address: SocketAddr = self.world.server.url("").rsplit_once('/').unwrap().1.parse().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let token = token.trim();
        let text = format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{head}\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    fn left(&self) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.world.server.data().join("uploads"));
        folder.map_or_else(|_| Vec::new(), |entries| entries.map(|entry| entry.unwrap().path()).collect())
    }

    async fn supplies(&self) -> usize {
        let jobs: Page<Job> = self.api().get("/api/v1/jobs?kind=supply").await;
        jobs.items.len()
    }
}

/// The beginning of the answer.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 64];
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut bytes)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

#[tokio::test]
async fn w_15_what_is_too_long_is_refused_before_it_is_sent() {
    let rig = Rig::new().await;
    let octets = "content-type: application/octet-stream";
    let json = "content-type: application/json";
    for (path, head) in [
        (rig.path.as_str(), format!("{octets}\r\ncontent-length: {TEN_GIB}")),
        ("/api/v1/bulletins/stage", format!("{json}\r\ncontent-length: {TEN_GIB}")),
        (rig.path.as_str(), format!("{octets}\r\nexpect: 100-continue\r\ncontent-length: 20001")),
        ("/api/v1/bulletins/stage", format!("{json}\r\nexpect: 100-continue\r\ncontent-length: 1048577")),
    ] {
        let mut stream = rig.begin(path, &head).await;
        let told = answer(&mut stream).await;
        assert!(told.starts_with("HTTP/1.1 413 "), "{path} {head}: {told}");
    }
    // Who does not say how much it is, is stopped where it becomes too much.
    let mut stream = rig.begin(&rig.path, &format!("{octets}\r\ntransfer-encoding: chunked")).await;
    let body = format!("4e21\r\n{}\r\n0\r\n\r\n", "x".repeat(20_001));
    stream.write_all(body.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413 "));
    assert_eq!((rig.left(), rig.supplies().await), (Vec::new(), 0));
}

#[tokio::test]
async fn w_15_what_is_no_file_of_the_catalogue_is_refused_and_leaves_nothing() {
    let rig = Rig::new().await;
    let send = |path: String, kind: &'static str| {
        let request = rig.api().request(Method::POST, &path).header("content-type", kind).body("x");
        async { rig.api().send(request).await.unwrap().problem() }
    };
    for kind in
        ["text/plain", "application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
    {
        let problem = send(rig.path.clone(), kind).await;
        assert_eq!(problem.code, "unsupported-media-type", "{kind}: {}", problem.detail);
    }
    for name in ["..%2f..%2f..%2fetc%2fpasswd", "file-1.exe", "", "file-0.exe%00", "FILE-0.EXE", ".", "file-0.exe%2f"] {
        let problem = send(format!("{}?file={name}", rig.path), "application/octet-stream").await;
        assert_eq!(problem.code, "not-found", "{name}: {}", problem.detail);
    }
    assert_eq!((rig.left(), rig.supplies().await), (Vec::new(), 0));
    // What is packed is not unpacked: its bytes are compared as they came.
    let request = rig.api().request(Method::POST, &rig.path).header("content-encoding", "gzip").body(vec![0x1f; 500]);
    let job: Job = rig.api().send(request).await.unwrap().ok();
    assert_eq!(rig.api().wait_for_job(job.id).await.job.state, JobState::Failed);
    assert_eq!(rig.left(), Vec::<PathBuf>::new());
    assert!(!rig.world.bulletin("B-1").await.summary.downloaded);
}

#[tokio::test]
async fn w_15_so_many_files_are_received_at_once_and_what_breaks_off_is_removed() {
    let rig = Rig::new().await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = rig.begin(&rig.path, "content-length: 20000").await;
        stream.write_all(b"x").await.unwrap();
        slow.push(stream);
    }
    let begun = || async { (rig.left().len() == 8).then_some(()) };
    eventually_async("eight files are being received", DEADLINE, begun).await;
    let send =
        || async { rig.api().send(rig.api().request(Method::POST, &rig.path).body(vec![0; 20_000])).await.unwrap() };
    for refused in futures_util::future::join_all((0..100).map(|_| send())).await {
        assert!(refused.header("retry-after").is_some());
        assert_eq!(refused.problem().code, "busy");
    }
    assert_eq!((rig.left().len(), rig.supplies().await), (8, 0), "everything else is served");
    drop(slow);
    let gone = || async { rig.left().is_empty().then_some(()) };
    eventually_async("what broke off is removed", DEADLINE, gone).await;
    let file = rig.world.files[0].bytes.to_vec();
    let sent = || async {
        let answer = rig.api().send(rig.api().request(Method::POST, &rig.path).body(file.clone())).await.unwrap();
        (answer.status == 202).then(|| answer.ok::<Job>())
    };
    let job = eventually_async("there is room again", DEADLINE, sent).await;
    done(&rig.api().wait_for_job(job.id).await);
    assert!(rig.world.bulletin("B-1").await.summary.downloaded);
    assert_eq!(rig.left(), Vec::<PathBuf>::new());
}
