//! Frames, requests and small texts.

use patchwharf_feeds::sdp as reader;
use patchwharf_model::{
    FeedId, PackageId, UpdateId,
    api::{AptSource, Clause, FeedCreate, FeedPatch, FeedRules, FeedSource, SdpSource},
    job::{JobRequest, Report, ReportItem, Selection},
};
use serde::Serialize;

use crate::{Seed, sdp, seed};

pub(crate) fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, catalogue) in sdp::seeds() {
        let mut frames = 0;
        let _ = reader::read("seed", &catalogue[..], &Default::default(), &mut |frame| {
            frames += 1;
            seeds.push(json(&format!("frame-{name}-{frames}"), &frame));
            Ok(())
        });
    }
    let rules = FeedRules {
        include: ["vendor=Example*", "severity=>=important", "language=en*"].map(clause).to_vec(),
        exclude: vec![clause("name=*beta?")],
    };
    let sdp = SdpSource { url: "https://vendor.example/c.cab".into(), mirrors: vec!["https://m.example/".into()] };
    let apt = AptSource {
        url: "https://deb.example/debian".into(),
        suite: "bookworm-security".into(),
        components: vec!["main".into()],
        architectures: vec!["amd64".into()],
        keyring: "AAAA".into(),
        keys: vec!["0123".into()],
        advisories: Some("/srv/list".into()),
        mirrors: Vec::new(),
    };
    for source in [FeedSource::Sdp(sdp), FeedSource::Apt(apt)] {
        let feed = FeedCreate {
            name: source.kind().into(),
            source,
            rules: rules.clone(),
            auto_stage: Some(FeedRules::default()),
            accept_sha1: true,
            ca: Some("-----BEGIN CERTIFICATE-----".into()),
            schedule_minutes: Some(60),
        };
        seeds.push(json(&format!("feed-{}", feed.name), &feed));
    }
    let patch = FeedPatch { auto_stage: Some(None), schedule_minutes: Some(None), ..FeedPatch::default() };
    seeds.push(json("feed-patch", &patch));
    let requests = [
        JobRequest::Import { feed: FeedId::new(), confirm_shrink: true },
        JobRequest::Preview { feed: FeedId::new(), rules: Some(rules), auto_stage: None },
        JobRequest::Stage { of: Selection::Updates(vec![UpdateId::new()]) },
        JobRequest::Download { dry_run: true },
        JobRequest::Revise { dry_run: true },
        JobRequest::Verify { of: Selection::All },
        JobRequest::Delete { packages: vec![PackageId::new()], although_needed: false },
        JobRequest::Reconcile { dry_run: true },
    ];
    for request in &requests {
        seeds.push(json(&format!("job-{}", request.kind().as_str()), request));
    }
    let item = ReportItem { item: "a".into(), outcome: "failed".into(), failed: true, reason: "no".into() };
    let mut report = Report { summary: "s".into(), items: vec![item], ..Report::default() };
    report.counts.insert("added".into(), u64::MAX);
    seeds.push(json("report", &report));
    for (name, text) in [
        ("name", "libc6_2.36-9+deb12u14_amd64.deb"),
        ("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("version", "10.0.19045.4170"),
        ("clause", "severity=>=important"),
    ] {
        seeds.push(seed(&format!("text-{name}"), text));
    }
    seeds
}

fn json(name: &str, value: &impl Serialize) -> Seed {
    seed(name, serde_json::to_vec(value).unwrap())
}

fn clause(text: &str) -> Clause {
    text.parse().unwrap()
}
