//! A server, a vendor, and a catalogue between them.

use patchwharf_model::{api::JobDetail, job::JobState};
use patchwharf_testkit::{
    Server, Vendor,
    cab::Method,
    sdp::{Catalogue, Many},
};
use serde_json::{Value, json};

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) vendor: Vendor,
}

pub(crate) const CATALOGUE: &str = "/catalogue.cab";

impl Rig {
    pub(crate) async fn start() -> Self {
        Self { server: Server::start(env!("CARGO_BIN_EXE_patchwharf")).await, vendor: Vendor::start() }
    }

    /// A rig with an SDP feed named `acme`.
    pub(crate) async fn sdp() -> Self {
        let Self { server, vendor } = Self::start().await;
        Self::with(server, vendor).await
    }

    /// The same, on a server of its own kind.
    pub(crate) async fn with(server: Server, vendor: Vendor) -> Self {
        let rig = Self { server, vendor };
        rig.add(&json!({ "name": "acme", "source": { "kind": "sdp", "url": rig.vendor.url(CATALOGUE) } })).await;
        rig
    }

    pub(crate) async fn add(&self, feed: &Value) {
        let _: Value = self.server.api().post("/api/v1/feeds", feed).await;
    }

    pub(crate) async fn set(&self, patch: &Value) {
        let answer = self.server.api().call(reqwest::Method::PATCH, "/api/v1/feeds/acme", Some(patch)).await;
        let _: Value = answer.ok();
    }

    pub(crate) fn publish(&self, catalogue: &Catalogue) {
        self.vendor.publish(CATALOGUE, catalogue.v1_cab(Method::Mszip));
    }

    pub(crate) async fn try_import(&self, confirm_shrink: bool) -> JobDetail {
        self.server.api().run_job("/api/v1/feeds/acme/import", &json!({ "confirm_shrink": confirm_shrink })).await
    }

    /// An import that must come to its end.
    pub(crate) async fn import(&self) -> Counts {
        Counts::of(self.try_import(false).await)
    }

    /// An import that must be refused; what the job says.
    pub(crate) async fn refused(&self) -> String {
        let before = self.bulletins().await;
        let job = self.try_import(false).await;
        assert_eq!(job.job.state, JobState::Failed, "{job:#?}");
        assert_eq!(self.bulletins().await, before, "the old catalogue stays");
        let feed: Value = self.server.api().get("/api/v1/feeds/acme").await;
        assert_ne!(feed["last_error"], Value::Null, "{feed}");
        format!("{:?} {:?}", job.report, feed["last_error"])
    }

    pub(crate) async fn bulletins(&self) -> Value {
        self.server.api().get("/api/v1/bulletins?limit=1000").await
    }

    /// Names of bulletins in a state.
    pub(crate) async fn names(&self, filter: &str) -> Vec<String> {
        let page: Value = self.server.api().get(&format!("/api/v1/bulletins?limit=1000&{filter}")).await;
        let names = page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        names.collect()
    }

    pub(crate) async fn bulletin(&self, name: &str) -> Value {
        self.server.api().get(&format!("/api/v1/bulletins/{name}")).await
    }
}

/// A catalogue of so many updates.
pub(crate) fn many(updates: u64) -> Catalogue {
    let many = Many::new(updates, "https://vendor.example");
    Catalogue::new((0..updates).map(|number| many.update(number)))
}

/// The counts of a report.
#[derive(Debug)]
pub(crate) struct Counts(pub(crate) JobDetail);

impl Counts {
    pub(crate) fn of(job: JobDetail) -> Self {
        assert_eq!(job.job.state, JobState::Done, "{job:#?}");
        Self(job)
    }

    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0.report.as_ref().unwrap().counts.get(name).copied().unwrap_or_default()
    }

    /// Added, revised, withdrawn, superseded, unchanged, rejected.
    pub(crate) fn all(&self) -> [u64; 6] {
        ["added", "revised", "withdrawn", "superseded", "unchanged", "rejected"].map(|name| self.get(name))
    }

    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.0.report)
    }
}
