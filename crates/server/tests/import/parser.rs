//! The parser process by itself: what it may not do, and what becomes of it (row V-15).

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::catalogue::Frame;
use patchwharf_server::{
    config::ParserConfig,
    parse_feed::{ParseRequest, Parser, ParserError, ParserLimits},
};
use patchwharf_testkit::sdp::Many;

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    async fn read(&self, file: Utf8PathBuf, limits: ParserLimits) -> Result<u64, ParserError> {
        let request = ParseRequest::Sdp { name: "test".into(), file };
        let program = Utf8Path::new(env!("CARGO_BIN_EXE_patchwharf"));
        let mut parser = Parser::start(program, &self.path(""), &request, limits).await?;
        let mut updates = 0;
        loop {
            match parser.next::<Frame>().await? {
                Frame::Update(_) => updates += 1,
                Frame::End { .. } => return Ok(updates),
                Frame::Failed { code, message } => return Err(ParserError::Refused { code, message }),
                _ => {}
            }
        }
    }
}

fn limits() -> ParserLimits {
    ParserConfig::default().limits()
}

#[tokio::test]
async fn a_parser_reads_what_it_is_given() {
    let bench = Bench::new();
    Many::new(5, "https://v.example").write_v1(bench.path("c.xml").as_std_path()).unwrap();
    assert_eq!(bench.read(bench.path("c.xml"), limits()).await.unwrap(), 5);
    let missing = bench.read(bench.path("gone.xml"), limits()).await.unwrap_err();
    assert_eq!(missing.code(), "read", "{missing}");
    assert!(missing.to_string().contains("No such file"), "{missing}");
}

#[tokio::test]
async fn v_15_a_parser_that_fills_its_memory_dies_alone() {
    let bench = Bench::new();
    Many::new(2_000, "https://v.example").write_v1(bench.path("c.xml").as_std_path()).unwrap();
    let limits = ParserLimits { memory_bytes: 8 << 20, ..limits() };
    let died = bench.read(bench.path("c.xml"), limits).await.unwrap_err();
    assert!(matches!(died, ParserError::Died { .. } | ParserError::TooMuchMemory { .. }), "{died}");
}

#[tokio::test]
async fn v_15_a_parser_that_stands_still_is_ended() {
    let bench = Bench::new();
    let pipe = bench.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let limits = ParserLimits { wall_seconds: 1, ..limits() };
    let ended = tokio::time::timeout(Duration::from_secs(60), bench.read(pipe, limits)).await.expect("it was ended");
    assert!(matches!(ended, Err(ParserError::TooLong { seconds: 1 })), "{ended:?}");
}

#[tokio::test]
async fn v_15_a_parser_that_runs_for_ever_is_ended_by_its_processor_time() {
    let bench = Bench::new();
    let limits = ParserLimits { cpu_seconds: 1, ..limits() };
    // An element without end: the reader goes on until a limit stops it.
    let died = bench.read(Utf8PathBuf::from("/dev/zero"), limits).await.unwrap_err();
    assert!(matches!(died, ParserError::Died { .. } | ParserError::Refused { .. }), "{died}");
}

#[tokio::test]
async fn an_order_that_is_none_is_refused() {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_patchwharf"))
        .arg("parse-feed")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("the server starts this program itself"));
}
