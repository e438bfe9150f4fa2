//! SIGTERM in the middle of everything.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use patchwharf_model::{
    JobId,
    api::{BulletinDetail, Job, Page},
    job::JobState,
};
use patchwharf_testkit::{
    Payload, Server, eventually_async,
    server::{DEADLINE, patient_config},
    vendor::Mood,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::stock::{BINARY, Stock};

const JOBS: usize = 100;
const DOWNLOADS: usize = 1_000;
/// More than the kernel keeps on its way for a reader that does not read.
const FILE_BYTES: usize = 6 << 20;

/// A client in the middle of a download: it has read the beginning and reads no more.
struct Download {
    stream: TcpStream,
    have: Vec<u8>,
}

impl Download {
    fn begin(address: SocketAddr, path: &str, token: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut have = vec![0; 1_000];
        stream.read_exact(&mut have).unwrap();
        Self { stream, have }
    }

    /// Reads to the end of what comes; the server was stopped meanwhile.
    fn cut_off(mut self) -> Vec<u8> {
        let _ = self.stream.set_read_timeout(Some(Duration::from_secs(30)));
        let mut block = vec![0; 64 * 1024];
        while let Ok(length) = self.stream.read(&mut block) {
            if length == 0 {
                break;
            }
            self.have.extend(&block[..length]);
        }
        self.have
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_15_sigterm_with_100_jobs_and_1000_downloads_and_all_of_them_go_on_afterwards() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let config = patient_config().replace("workers = 4", "workers = 20");
    let mut stock = Stock::new(Server::setup(BINARY).config(&config), JOBS + 1, 40_000).await;
    // The first bulletin's file is large.
    let big = Payload::random("big.exe", FILE_BYTES);
    let address = big_package(&stock, &big).await;
    stock.vendor.set_mood(Mood::Silent);
    let mut jobs: Vec<JobId> = Vec::new();
    for n in 1..=JOBS {
        let name = format!("B-{n}");
        let job: Job = stock.server.api().post("/api/v1/bulletins/stage", &json!({ "bulletins": [name] })).await;
        jobs.push(job.id);
    }
    let token = std::fs::read_to_string(stock.server.data().join("admin.token")).unwrap();
    let host: SocketAddr = stock.server.url("").trim_start_matches("http://").parse().unwrap();
    let downloads: Vec<Download> = (0..DOWNLOADS).map(|_| Download::begin(host, &address, token.trim())).collect();
    eventually_async("jobs run", DEADLINE, || async {
        let running: Page<Job> = stock.server.api().get("/api/v1/jobs?state=running&limit=1000").await;
        (running.items.len() >= 20).then_some(())
    })
    .await;

    let begun = Instant::now();
    let code = stock.server.terminate();
    let stopped = begun.elapsed();
    assert_eq!(code, Some(0), "an orderly end: {}", stock.server.output());
    assert!(stock.server.output().contains("server stopped"), "{}", stock.server.output());
    let cut: Vec<Vec<u8>> =
        tokio::task::spawn_blocking(|| downloads.into_iter().map(Download::cut_off).collect()).await.unwrap();
    let broken = cut.iter().filter(|have| have.len() < FILE_BYTES).count();

    stock.vendor.set_mood(Mood::Up);
    stock.vendor.release();
    stock.server.restart().await;
    for job in &jobs {
        let job = stock.server.api().wait_for_job(*job).await;
        assert_eq!(job.job.state, JobState::Done, "{job:#?}");
    }
    for have in &cut {
        assert!(*have == big.bytes[..have.len()], "what came is the beginning of the file");
        let rest = have.len()..FILE_BYTES.min(have.len() + 10_000);
        if rest.is_empty() {
            continue;
        }
        let range = format!("bytes={}-{}", rest.start, rest.end - 1);
        let api = stock.server.api();
        let answer = api.send(api.request(reqwest::Method::GET, &address).header("range", range)).await.unwrap();
        assert_eq!(answer.status, 206);
        assert!(answer.body == big.bytes[rest], "the download goes on where it broke off");
    }
    stock.server.holds();
    figures!(
        "X-15: stopped in {:.2} s with {JOBS} jobs and {DOWNLOADS} downloads ({broken} of them in the middle); all jobs \
         done and all downloads resumed afterwards",
        stopped.as_secs_f64()
    );
    assert!(broken > 0, "no download was in the middle: the test is too small");
}

/// Supplies a large file for the first bulletin by revising it.
async fn big_package(stock: &Stock, big: &Payload) -> String {
    use patchwharf_testkit::sdp::{Catalogue, Update};
    let updates = (0..stock.files.len()).map(|n| {
        let number = n as u64 + 1;
        let file = if n == 0 { big } else { &stock.files[n] };
        Update::new(number, &format!("B-{n}")).payload(&stock.vendor, file)
    });
    stock.vendor.publish("/catalogue.xml", Catalogue::new(updates).v1_xml());
    let import = stock.server.api().run_job("/api/v1/feeds/vendor/import", &json!({})).await;
    assert_eq!(import.job.state, JobState::Done, "{import:#?}");
    stock.stage(0..1).await;
    let bulletin: BulletinDetail = stock.server.api().get("/api/v1/bulletins/B-0").await;
    let package = bulletin.software_updates[0].package.expect("a package");
    format!("/packages/{package}/1/{}", big.name)
}
