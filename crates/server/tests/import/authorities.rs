//! S-14: a feed that trusts only the certificate authorities of its own file, from the command line to the download.

use patchwharf_model::{
    api::{AuditEntry, Feed, Page},
    job::JobState,
};
use patchwharf_testkit::{
    Authority, Payload, TlsFront,
    cab::Method,
    sdp::{Catalogue, Item, Update},
};
use reqwest::Method as Verb;
use serde_json::json;

use crate::rig::{CATALOGUE, Rig};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_14_a_feeds_own_authorities_are_pinned_shown_audited_and_taken_away() {
    let rig = Rig::start().await;
    let (good, other) = (Authority::root("good"), Authority::root("other"));
    let front = TlsFront::start(&rig.vendor, good.certificate("127.0.0.1"));
    let payload = Payload::random("setup.exe", 10_000);
    rig.vendor.publish("/files/setup.exe", &payload);
    let update = Update::new(1, "PW26-001").item(Item::new(&payload, Some(front.url("/files/setup.exe"))));
    rig.vendor.publish(CATALOGUE, Catalogue::new([update]).v1_cab(Method::Mszip));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (good_file, other_file) = (file("good.pem", good.pem()), file("other.pem", other.pem()));
    let run = |arguments: &[&str]| rig.server.patchwharf(arguments);

    // The machine knows nobody who vouches for this host.
    let url = front.url(CATALOGUE);
    let shown = run(&["feed", "add", "sdp", &url, "--name", "acme", "--ca", &other_file]).ok();
    assert!(shown.contains("only SHA-256 "), "{shown}");
    let refused = rig.refused().await;
    assert!(refused.contains("tls-pinned") && refused.contains("feed set FEED --ca FILE"), "{refused}");

    assert_eq!(run(&["feed", "set", "acme", "--ca", &good_file]).code, Some(0));
    assert_eq!(rig.import().await.get("added"), 1);
    let stage = json!({ "bulletins": ["PW26-001"] });
    let staged = rig.server.api().run_job("/api/v1/bulletins/stage", &stage).await;
    assert_eq!(staged.job.state, JobState::Done, "{staged:#?}");
    assert_eq!(staged.report.unwrap().counts.get("staged"), Some(&1));

    assert_eq!(run(&["feed", "set", "acme", "--no-ca"]).code, Some(0));
    let feed: Feed = rig.server.api().get("/api/v1/feeds/acme").await;
    assert!(feed.ca_sha256.is_empty());
    let shown = run(&["feed", "show", "acme"]).ok();
    assert!(shown.contains("those of the server's machine"), "{shown}");
    let refused = rig.refused().await;
    assert!(refused.contains("(tls)") && refused.contains("UnknownIssuer"), "{refused}");

    let audit: Page<AuditEntry> = rig.server.api().get(&format!("/api/v1/audit?object=feed%20{}", feed.id)).await;
    let changes: Vec<_> = audit.items.iter().filter(|entry| entry.action == "feed.update").collect();
    let held = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains("BEGIN CERTIFICATE"));
    let pins: Vec<_> = changes.iter().map(|entry| (held(&entry.before), held(&entry.after))).collect();
    assert_eq!(pins, [(true, false), (true, true)], "newest first: {changes:#?}");
    rig.server.holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_14_authorities_that_would_protect_nothing_are_refused() {
    let rig = Rig::start().await;
    let pem = Authority::root("good").pem().to_owned();
    let source = |url: &str| json!({ "kind": "sdp", "url": url });
    for (url, ca, reason) in [
        ("http://vendor.example/c.cab", pem.as_str(), "not fetched by https"),
        ("/etc/hostname", &pem, "not fetched by https"),
        ("https://vendor.example/c.cab", "no certificate", "no certificate in it"),
    ] {
        let wish = json!({ "name": "acme", "source": source(url), "ca": ca });
        let problem = rig.server.api().call(Verb::POST, "/api/v1/feeds", Some(&wish)).await.problem();
        assert_eq!((problem.status, problem.code.as_str()), (422, "invalid-body"));
        assert!(problem.detail.contains(reason), "{}", problem.detail);
    }
    rig.add(&json!({ "name": "acme", "source": source("https://vendor.example/c.cab"), "ca": pem })).await;
    // Nor can it be lost by the way, with the https that it is for.
    let patch = json!({ "source": source("http://vendor.example/c.cab") });
    let problem = rig.server.api().call(Verb::PATCH, "/api/v1/feeds/acme", Some(&patch)).await.problem();
    assert!(problem.detail.contains("not fetched by https"), "{}", problem.detail);
    rig.server.holds();
}
