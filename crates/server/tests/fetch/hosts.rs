//! S-13: addresses that a catalogue must not name.

use patchwharf_server::fetch::Trust;
use patchwharf_testkit::{Payload, Vendor, vendor::Act};

use crate::rig::{Rig, names, source};

#[tokio::test]
async fn s_13_literal_addresses_that_are_not_public_are_refused() {
    let rig = Rig::new();
    let port = rig.vendor.address().port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "localhost",
        "a.localhost",
        "metadata.google.internal",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let from = source(&format!("http://{host}:{port}/file"), Trust::Named);
        let error = rig.fetch_from(&Payload::random("a.exe", 1), vec![from]).await.unwrap_err();
        assert_eq!(error.code(), "host-refused", "{host}: {error}");
        assert!(error.to_string().contains("fetch.allow-networks"), "{error}");
    }
    assert!(rig.vendor.requests().is_empty(), "the canary saw a request");
}

#[tokio::test]
async fn s_13_a_name_is_refused_by_its_address_at_the_moment_of_connecting() {
    let rig = Rig::with_names(
        |_| {},
        names(&[
            ("loop.example", &["127.0.0.1"]),
            ("mapped.example", &["::ffff:127.0.0.1"]),
            ("meta.example", &["169.254.169.254"]),
            ("six.example", &["::1"]),
        ]),
    );
    let port = rig.vendor.address().port();
    for host in ["loop.example", "mapped.example", "meta.example", "six.example"] {
        let from = source(&format!("http://{host}:{port}/file"), Trust::Named);
        let error = rig.fetch_from(&Payload::random("a.exe", 1), vec![from]).await.unwrap_err();
        assert_eq!(error.code(), "host-refused", "{host}: {error}");
        assert!(error.to_string().contains(host), "{error}");
    }
    assert!(rig.vendor.requests().is_empty(), "the canary saw a request");
}

#[tokio::test]
async fn s_13_a_name_that_changes_its_address_later_is_refused_then() {
    // The first answer is allowed; at the second connection the name means another address on the same port.
    let rig = Rig::with_names(
        |c| c.allow_networks = vec!["127.0.0.1".parse().unwrap()],
        names(&[("rebind.example", &["127.0.0.1", "127.0.0.2"])]),
    );
    let port = rig.vendor.address().port();
    let canary = Vendor::start_on(&format!("127.0.0.2:{port}"));
    let payload = Payload::random("a.exe", 1_000);
    canary.publish("/file", &payload);
    rig.vendor.script("/file", [Act::Reset]);
    let from = source(&format!("http://rebind.example:{port}/file"), Trust::Named);
    let error = rig.fetch_from(&payload, vec![from]).await.unwrap_err();
    assert_eq!(error.code(), "host-refused", "{error}");
    assert_eq!(rig.vendor.count("/file"), 1);
    assert!(canary.requests().is_empty(), "the canary saw a request");
}

#[tokio::test]
async fn s_13_a_redirect_to_a_private_address_is_refused() {
    let rig = Rig::with_names(|_| {}, names(&[("inner.example", &["127.0.0.2"])]));
    let canary = Vendor::start_on("127.0.0.2:0");
    canary.publish("/file", &Payload::random("a.exe", 1));
    let port = canary.address().port();
    for to in [format!("http://127.0.0.2:{port}/file"), format!("http://inner.example:{port}/file")] {
        rig.vendor.script("/file", [Act::redirect(&to)]);
        let error = rig.fetch(&Payload::random("a.exe", 1)).await.unwrap_err();
        assert_eq!(error.code(), "host-refused", "{error}");
    }
    assert!(canary.requests().is_empty(), "the canary saw a request");
}

#[tokio::test]
async fn hosts_and_networks_that_the_administrator_allows_are_reached() {
    let payload = Payload::random("a.exe", 1_000);
    let rig = Rig::with(|c| c.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]);
    rig.vendor.publish("/file", &payload);
    rig.fetch_from(&payload, vec![source(&rig.vendor.url("/file"), Trust::Named)]).await.unwrap();
    let lookup = names(&[("mirror.lan", &["127.0.0.1"])]);
    let rig = Rig::with_names(|c| c.allow_hosts = vec!["mirror.lan".parse().unwrap()], lookup);
    rig.vendor.publish("/file", &payload);
    let url = format!("http://mirror.lan:{}/file", rig.vendor.address().port());
    rig.fetch_from(&payload, vec![source(&url, Trust::Named)]).await.unwrap();
}
