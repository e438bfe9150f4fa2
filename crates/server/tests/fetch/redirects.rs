//! S-11 and S-12: where a vendor sends us.

use patchwharf_server::fetch::{Pin, Source, Trust, Validators};
use patchwharf_testkit::{Authority, Payload, TlsFront, Vendor, vendor::Act};

use crate::rig::{Rig, source, whole_text};

async fn refused(act: Act) -> String {
    let rig = Rig::new();
    rig.vendor.script("/file", [act]);
    let error = rig.fetch(&Payload::random("a.exe", 100)).await.unwrap_err();
    assert!(["redirect-refused", "bad-answer", "host-refused"].contains(&error.code()), "{}: {error}", error.code());
    assert_eq!(rig.vendor.requests().len(), 1, "a refused redirect is not followed");
    whole_text(&error)
}

#[tokio::test]
async fn s_11_five_redirects_are_followed_and_the_sixth_is_not() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 1_000);
    rig.vendor.publish("/file", &payload);
    rig.vendor.redirect_chain("/five", 5, "/file");
    rig.fetch_from(&payload, vec![rig.configured("/five")]).await.unwrap();
    rig.vendor.redirect_chain("/six", 6, "/file");
    let error = rig.fetch_from(&Payload::random("b.exe", 1), vec![rig.configured("/six")]).await.unwrap_err();
    assert_eq!(error.code(), "redirect-refused");
    rig.vendor.redirect_chain("/twenty", 20, "/file");
    let error = rig.fetch_from(&Payload::random("c.exe", 1), vec![rig.configured("/twenty")]).await.unwrap_err();
    assert_eq!(error.code(), "redirect-refused");
}

#[tokio::test]
async fn s_11_a_loop_is_refused() {
    let rig = Rig::new();
    rig.vendor.script("/a", [Act::redirect("/b")]);
    rig.vendor.script("/b", [Act::redirect("/a")]);
    let error = rig.fetch_from(&Payload::random("a.exe", 1), vec![rig.configured("/a")]).await.unwrap_err();
    assert_eq!(error.code(), "redirect-refused");
    assert!(error.to_string().contains("loop"), "{error}");
    assert_eq!(rig.vendor.requests().len(), 2);
}

#[tokio::test]
async fn s_11_other_schemes_are_refused() {
    for to in ["file:///etc/passwd", "gopher://x/", "ftp://x/y", "data:,x", "javascript:alert(1)"] {
        let text = refused(Act::redirect(to)).await;
        assert!(text.contains("only http and https"), "{text}");
    }
}

#[tokio::test]
async fn s_11_a_redirect_to_another_host_is_only_named_however_it_began() {
    let rig = Rig::new();
    let other = Vendor::start_on("127.0.0.2:0");
    let payload = Payload::random("a.exe", 1_000);
    other.publish("/file", &payload);
    rig.vendor.script("/file", [Act::redirect(&other.url("/file"))]);
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!(error.code(), "host-refused");
    assert!(error.to_string().contains("fetch.allow-networks"), "{error}");
    assert!(error.to_string().contains("fetch.allow-hosts"), "{error}");
    assert!(other.requests().is_empty(), "the canary saw a request");
    let rig = Rig::with(|c| c.allow_hosts = vec![other.address().to_string().parse().unwrap()]);
    rig.vendor.script("/file", [Act::redirect(&other.url("/file"))]);
    rig.fetch(&payload).await.unwrap();
}

#[tokio::test]
async fn s_11_https_is_left_for_http_only_where_a_digest_proves_the_content() {
    let root = Authority::root("root");
    let rig = Rig::with(|c| c.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]);
    let payload = Payload::random("a.exe", 1_000);
    rig.vendor.publish("/plain", &payload);
    let front = TlsFront::start(&rig.vendor, root.certificate("127.0.0.1"));
    rig.vendor.script("/secret", [Act::redirect(&rig.vendor.url("/plain"))]);
    rig.vendor.script("/still-secret", [Act::redirect(&front.url("/plain"))]);
    let at = |path: &str| Source {
        pin: Some(Pin::parse(root.pem()).unwrap()),
        ..source(&front.url(path), Trust::Configured)
    };
    let into = camino::Utf8PathBuf::from_path_buf(rig.folder().join("document")).unwrap();
    let document =
        async |path: &str| rig.fetcher.get_document(&at(path), &Validators::default(), 1 << 20, &into, &rig.stop).await;

    let error = document("/secret").await.unwrap_err();
    assert_eq!(error.code(), "redirect-refused", "{}", whole_text(&error));
    assert!(error.to_string().contains("leaves https, and no digest proves the content"), "{error}");
    assert_eq!(rig.vendor.count("/plain"), 0, "nobody went there");
    document("/still-secret").await.unwrap();
    rig.fetch_from(&payload, vec![at("/secret")]).await.unwrap();
    assert_eq!(rig.vendor.count("/plain"), 2, "a file by its digest, wherever it comes from");
}

#[tokio::test]
async fn s_12_control_bytes_in_a_location_are_refused_and_shown_escaped() {
    for to in [&b"/x\x01y"[..], b"/x%0d%0aSet-Cookie:%20a", b"/x%00", b"\x1b[31m/red", b"http://a\tb/"] {
        let text = refused(Act::redirect_raw(302, to)).await;
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    refused(Act::redirect_raw(302, b"")).await;
}

#[tokio::test]
async fn s_12_a_line_end_in_a_location_does_not_become_a_header() {
    let rig = Rig::with(|c| c.attempts = 1);
    rig.vendor.script("/file", [Act::redirect_raw(302, b"/next\r\nX-Injected: 1")]);
    let _ = rig.fetch(&Payload::random("a.exe", 1)).await;
    for request in rig.vendor.requests() {
        assert_eq!(request.header("x-injected"), None);
    }
}

#[tokio::test]
async fn a_url_of_another_scheme_is_never_asked() {
    let rig = Rig::new();
    for url in ["file:///etc/passwd", "gopher://x/", "ftp://127.0.0.1/x"] {
        let error =
            rig.fetch_from(&Payload::random("a.exe", 1), vec![source(url, Trust::Configured)]).await.unwrap_err();
        assert_eq!(error.code(), "bad-answer");
    }
}
