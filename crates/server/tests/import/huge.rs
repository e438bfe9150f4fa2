//! S-21: a catalogue of any size is read as a stream: the parser and the server hold a bounded part of it, the server
//! answers meanwhile, and the import can be cancelled.
//!
//! Scale 1 is what `cargo xtask test` runs; in full (`cargo xtask soak`) it is the row's million of updates, in a
//! document of 2 GB.

use std::time::{Duration, Instant};

use patchwharf_model::{
    api::{Job, JobDetail},
    job::JobState,
};
use patchwharf_testkit::{
    Server, eventually, eventually_async,
    memory::{children, peak_bytes},
    sdp::Many,
    server::TEST_CONFIG,
    times,
};
use serde_json::{Value, json};

use crate::rig::Counts;

const UPDATES: u64 = 10_000;
const MOST_UPDATES: u64 = 1_000_000;
/// Address space of the parser: less than the document has at scale 100, and enough to start.
const PARSER_BYTES: u64 = 192 << 20;
const MOST_BYTES: u64 = 512 << 20;
/// Longer than any import takes.
const DEADLINE: Duration = Duration::from_secs(3_600);

/// What was seen while a job went on.
#[derive(Default)]
struct Watched {
    parser_bytes: u64,
    answers: Vec<Duration>,
}

impl Watched {
    fn percentile(&mut self, of_hundred: usize) -> Duration {
        self.answers.sort_unstable();
        self.answers.get(self.answers.len() * of_hundred / 100).copied().unwrap_or_default()
    }
}

/// Asks the server one thing after the other until the job has ended.
async fn watch(server: &Server, job: &Job) -> (JobDetail, Watched) {
    let mut watched = Watched::default();
    let end = Instant::now() + DEADLINE;
    loop {
        let asked = Instant::now();
        let _: Value = server.api().get("/api/v1/bulletins?limit=50&severity=critical").await;
        watched.answers.push(asked.elapsed());
        for parser in children(server.process_id()) {
            watched.parser_bytes = watched.parser_bytes.max(peak_bytes(parser).unwrap_or_default());
        }
        let detail: JobDetail = server.api().get(&format!("/api/v1/jobs/{}", job.id)).await;
        if detail.job.state.is_final() {
            return (detail, watched);
        }
        assert!(Instant::now() < end, "{detail:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_21_a_huge_catalogue_is_streamed_within_bounded_memory_and_can_be_cancelled() {
    let count = times(UPDATES as usize, MOST_UPDATES as usize) as u64;
    let config = format!("{TEST_CONFIG}\n[parser]\nmemory-bytes = {PARSER_BYTES}\ncpu = '1h'\nwall = '1h'\n");
    let server = Server::setup(env!("CARGO_BIN_EXE_patchwharf")).config(&config).start().await;
    let path = server.data().join("huge.xml");
    Many::new(count, "https://vendor.example").write_v1(&path).unwrap();
    let document_bytes = std::fs::metadata(&path).unwrap().len();
    let feed = json!({ "name": "huge", "source": { "kind": "sdp", "url": path.to_str().unwrap() } });
    let _: Value = server.api().post("/api/v1/feeds", &feed).await;
    let import = async || -> Job { server.api().post("/api/v1/feeds/huge/import", &json!({})).await };

    // Cancelled in the middle: the parser is gone, and nothing of it is to be seen.
    let job = import().await;
    eventually_async("the parser has begun", DEADLINE, || async {
        let detail: JobDetail = server.api().get(&format!("/api/v1/jobs/{}", job.id)).await;
        assert!(!detail.job.state.is_final(), "{detail:#?}");
        (detail.job.progress.done > 0).then_some(())
    })
    .await;
    let _: Value = server.api().post(&format!("/api/v1/jobs/{}/cancel", job.id), &json!({})).await;
    let (cancelled, _) = watch(&server, &job).await;
    assert_eq!(cancelled.job.state, JobState::Cancelled, "{cancelled:#?}");
    assert!(cancelled.job.progress.done < count, "it ended in the middle");
    assert_eq!(server.api().get::<Value>("/api/v1/bulletins?limit=1").await["items"], json!([]));
    let gone = || children(server.process_id()).is_empty().then_some(());
    eventually("the parser is gone", patchwharf_testkit::server::DEADLINE, gone);

    let begun = Instant::now();
    let job = import().await;
    let (done, mut watched) = watch(&server, &job).await;
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(Counts::of(done).get("added"), count);
    let server_bytes = peak_bytes(server.process_id()).expect("the server runs");
    assert!(server_bytes < MOST_BYTES, "the server had {server_bytes} bytes");
    assert!(watched.parser_bytes < PARSER_BYTES, "the parser had {} bytes", watched.parser_bytes);
    eprintln!(
        "FIGURES: {count} updates in {} MiB of XML imported in {seconds:.1} s: server {} MiB, parser {} MiB, {} answers \
         meanwhile, median {:?}, 99 of 100 within {:?}",
        document_bytes >> 20,
        server_bytes >> 20,
        watched.parser_bytes >> 20,
        watched.answers.len(),
        watched.percentile(50),
        watched.percentile(99)
    );
    server.holds();
}
