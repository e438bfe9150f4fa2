//! A server with a vendor's catalogue imported.

use patchwharf_model::{
    Timestamp,
    api::{BulletinDetail, Feed, JobDetail, Location, PackageDetail},
    job::JobState,
};
use patchwharf_testkit::{
    Payload, Server, Vendor,
    sdp::{Catalogue, Item, Update},
    server::patient_config,
};
use serde_json::json;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_patchwharf");

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) vendor: Vendor,
    pub(crate) files: Vec<Payload>,
}

impl World {
    /// A server, and a feed `vendor` with the bulletins B-1 (one file, critical), B-2 (two files) and B-3 (pinned by
    /// SHA-1 only), imported.
    pub(crate) async fn new() -> Self {
        Self::on(Server::start(BINARY).await).await
    }

    /// The same on a server that waits for a vendor that stands still.
    pub(crate) async fn patient() -> Self {
        Self::on(Server::setup(BINARY).config(&patient_config()).start().await).await
    }

    pub(crate) async fn on(server: Server) -> Self {
        Self::with(server, "").await
    }

    /// The same, where the vendor gives B-1 this title, if it is one.
    pub(crate) async fn with(server: Server, title: &str) -> Self {
        let vendor = Vendor::start();
        let files: Vec<_> = (0..4).map(|n| Payload::random(format!("file-{n}.exe"), 20_000 + n)).collect();
        let first = Update::new(1, "B-1").payload(&vendor, &files[0]);
        let title = if title.is_empty() { first.title.clone() } else { title.to_owned() };
        let catalogue = Catalogue::new([
            Update { severity: Some("Critical".into()), title, ..first },
            Update::new(2, "B-2").payload(&vendor, &files[1]).payload(&vendor, &files[2]),
            Update::new(3, "B-3").item(weak(&vendor, &files[3])),
        ]);
        vendor.publish("/catalogue.xml", catalogue.v1_xml());
        let world = Self { server, vendor, files };
        let source = json!({ "kind": "sdp", "url": world.vendor.url("/catalogue.xml") });
        let feed: Feed = world.server.api().post("/api/v1/feeds", &json!({ "name": "vendor", "source": source })).await;
        let import = world.server.api().run_job(&format!("/api/v1/feeds/{}/import", feed.id), &json!({})).await;
        done(&import);
        world
    }

    /// The same with B-1 and B-2 staged.
    pub(crate) async fn staged() -> Self {
        let world = Self::new().await;
        world.stage(&["B-1", "B-2"]).await;
        world
    }

    pub(crate) async fn stage(&self, bulletins: &[&str]) {
        done(&self.server.api().run_job("/api/v1/bulletins/stage", &json!({ "bulletins": bulletins })).await);
    }

    pub(crate) async fn bulletin(&self, name: &str) -> BulletinDetail {
        self.server.api().get(&format!("/api/v1/bulletins/{name}")).await
    }

    /// The package of the only update of a bulletin.
    pub(crate) async fn package(&self, bulletin: &str) -> PackageDetail {
        let id = self.bulletin(bulletin).await.software_updates[0].package.expect("a package");
        self.server.api().get(&format!("/api/v1/packages/{id}")).await
    }

    /// The address of a file of a bulletin's package, as it is now.
    pub(crate) async fn address(&self, bulletin: &str, file: &str) -> String {
        let package = self.package(bulletin).await.summary;
        format!("/packages/{}/{}/{file}", package.id, package.current_version.expect("a served version"))
    }

    /// As if the server had noted for ten days what it holds, and its disk had lost a tenth of what is free now each day.
    pub(crate) async fn with_history(self) -> Self {
        self.after_days(10, 10).await
    }

    /// As if the server had noted for so many days what it holds, a MiB more each day, and its disk had lost so many
    /// hundredths of what is free now each day.
    pub(crate) async fn after_days(self, days: u32, lost: u64) -> Self {
        use patchwharf_db::{Db, Options, history, notifications};
        let locations: Vec<Location> = self.server.api().get("/api/v1/locations").await;
        let (location, free) = (locations[0].id, locations[0].free_bytes.unwrap());
        let now = Timestamp::now();
        let db = Db::open(&Options::new(self.server.database_url()), now).await.unwrap();
        for day in (1..=days).rev() {
            let at = now - std::time::Duration::from_secs(86_400) * day;
            let mut write = db.write("test", "test", at).await.unwrap();
            history::note(&mut write, 1, u64::from(days + 1 - day) << 20, 1).await.unwrap();
            let before = free + free / 100 * lost * u64::from(day);
            notifications::put_sample(&mut write, &format!("location {location}"), before).await.unwrap();
            write.commit().await.unwrap();
        }
        db.close().await;
        self
    }

    /// The path on disk behind an address.
    pub(crate) fn on_disk(&self, address: &str) -> std::path::PathBuf {
        self.server.packages().join(address.strip_prefix("/packages/").unwrap())
    }
}

fn weak(vendor: &Vendor, payload: &Payload) -> Item {
    let path = format!("/files/{}", payload.name);
    vendor.publish(&path, payload);
    Item::new(payload, Some(vendor.url(&path))).sha1_only()
}

pub(crate) fn done(job: &JobDetail) {
    assert_eq!(job.job.state, JobState::Done, "{job:#?}");
}
