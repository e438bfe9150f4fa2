//! A vendor with many bulletins, and a server that has imported them.

use patchwharf_model::{
    api::{Feed, Job, Page},
    job::JobState,
};
use patchwharf_testkit::{
    Payload, Server, Vendor, eventually_async,
    sdp::{Catalogue, Update},
    server::{DEADLINE, Setup},
};
use serde_json::json;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_patchwharf");

pub(crate) struct Stock {
    pub(crate) server: Server,
    pub(crate) vendor: Vendor,
    pub(crate) files: Vec<Payload>,
}

impl Stock {
    /// Bulletins `B-0` .. with one file of so many bytes each, imported.
    pub(crate) async fn new(setup: Setup, bulletins: usize, size_bytes: usize) -> Self {
        let vendor = Vendor::start();
        let files: Vec<_> = (0..bulletins).map(|n| Payload::random(format!("f{n}.exe"), size_bytes + n)).collect();
        let updates = (0..bulletins).map(|n| {
            let number = n as u64 + 1;
            Update::new(number, &format!("B-{n}")).payload(&vendor, &files[n])
        });
        vendor.publish("/catalogue.xml", Catalogue::new(updates).v1_xml());
        let server = setup.start().await;
        let source = json!({ "kind": "sdp", "url": vendor.url("/catalogue.xml") });
        let feed: Feed = server.api().post("/api/v1/feeds", &json!({ "name": "vendor", "source": source })).await;
        let import = server.api().run_job(&format!("/api/v1/feeds/{}/import", feed.id), &json!({})).await;
        assert_eq!(import.job.state, JobState::Done, "{import:#?}");
        Self { server, vendor, files }
    }

    /// Stages these bulletins and waits for it.
    pub(crate) async fn stage(&self, bulletins: std::ops::Range<usize>) {
        let names: Vec<String> = bulletins.map(|n| format!("B-{n}")).collect();
        let job = self.server.api().run_job("/api/v1/bulletins/stage", &json!({ "bulletins": names })).await;
        assert_eq!(job.job.state, JobState::Done, "{job:#?}");
    }

    /// Waits until no job waits or runs.
    pub(crate) async fn idle(&self) {
        eventually_async("all jobs have ended", DEADLINE, || async {
            let jobs: Page<Job> = self.server.api().get("/api/v1/jobs?state=queued,running,paused&limit=1000").await;
            jobs.items.is_empty().then_some(())
        })
        .await;
    }
}
