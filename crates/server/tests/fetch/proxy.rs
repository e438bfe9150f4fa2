//! S-27: a proxy that wants a login, drops the tunnel, changes bytes; W-19: its password is never shown.

use patchwharf_server::{
    config::Hidden,
    fetch::{Meaning, Trust},
};
use patchwharf_testkit::{
    Payload, Vendor,
    vendor::{Act, Lie},
};

use crate::rig::{Rig, names, source, whole_text};

const CANARY: &str = "canary-pass-8f3a";

/// A rig whose vendor is the proxy.
fn rig(proxy: &Vendor) -> Rig {
    let url = format!("http://user:{CANARY}@{}", proxy.address());
    Rig::with_names(
        |c| {
            c.proxy = Some(Hidden::new(url.parse().unwrap()));
            c.attempts = 1;
        },
        names(&[]),
    )
}

#[tokio::test]
async fn s_27_downloads_go_through_the_proxy_and_the_digest_decides() {
    let proxy = Vendor::start();
    let rig = rig(&proxy);
    let payload = Payload::random("a.exe", 10_000);
    proxy.publish("/file", &payload);
    let from = || vec![source("http://vendor.example/file", Trust::Named)];
    rig.fetch_from(&payload, from()).await.unwrap();
    assert!(proxy.requests_for("/file")[0].header("proxy-authorization").is_some());
    proxy.lie("/file", &payload, Lie::FlipBit(77));
    let error = rig.fetch_from(&payload, from()).await.unwrap_err();
    assert_eq!(error.meaning(), Meaning::VendorChanged);
}

#[tokio::test]
async fn s_27_a_proxy_that_wants_a_login_is_named_and_its_password_is_not() {
    let proxy = Vendor::start();
    let rig = rig(&proxy);
    proxy.script("/file", [Act::status(407)]);
    let payload = Payload::random("a.exe", 10);
    let error = rig.fetch_from(&payload, vec![source("http://vendor.example/file", Trust::Named)]).await.unwrap_err();
    assert_eq!(error.code(), "proxy");
    assert!(error.to_string().contains("fetch.proxy"), "{error}");
    assert!(!whole_text(&error).contains(CANARY));
    assert!(!format!("{:?}", rig.fetcher).contains(CANARY));
}

#[tokio::test]
async fn s_27_a_proxy_that_refuses_the_tunnel_is_told_from_a_vendor_that_is_down() {
    for act in [Act::status(407), Act::status(403)] {
        let proxy = Vendor::start();
        let rig = rig(&proxy);
        proxy.script("vendor.example:443", [act]);
        let payload = Payload::random("a.exe", 10);
        let error =
            rig.fetch_from(&payload, vec![source("https://vendor.example/file", Trust::Named)]).await.unwrap_err();
        assert_eq!(error.code(), "proxy", "{}", whole_text(&error));
        assert!(!whole_text(&error).contains(CANARY));
    }
}

#[tokio::test]
async fn s_27_a_catalogue_cannot_reach_inner_names_through_the_proxy() {
    let proxy = Vendor::start();
    let rig = rig(&proxy);
    for url in ["http://127.0.0.1/file", "http://localhost/file", "http://169.254.169.254/latest/meta-data"] {
        let error = rig.fetch_from(&Payload::random("a.exe", 1), vec![source(url, Trust::Named)]).await.unwrap_err();
        assert_eq!(error.code(), "host-refused", "{error}");
    }
    assert!(proxy.requests().is_empty());
}
