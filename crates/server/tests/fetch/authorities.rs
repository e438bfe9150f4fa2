//! S-14: certificates that were revoked, and the authorities that one feed trusts instead of the machine's.

use camino::Utf8PathBuf;
use patchwharf_server::{
    clock::Clock,
    fetch::{Document, FetchError, Fetcher, Pin, Source, Trust, Validators},
    metrics::Metrics,
};
use patchwharf_testkit::{Authority, Payload, TlsFront, Vendor, vendor::Act};
use tempfile::TempDir;

use crate::rig::{Rig, config, source, whole_text};

const HOST: &str = "127.0.0.1";

/// Files that the configuration names.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        Utf8PathBuf::from_path_buf(path).unwrap()
    }
}

/// A vendor behind TLS with a file at `/file`.
fn vendor(certificate: patchwharf_testkit::tls::Certificate, file: &Payload) -> (Vendor, TlsFront) {
    let vendor = Vendor::start();
    vendor.publish("/file", file);
    let front = TlsFront::start(&vendor, certificate);
    (vendor, front)
}

fn pinned(url: &str, pem: &str) -> Source {
    Source { pin: Some(Pin::parse(pem).unwrap()), ..source(url, Trust::Configured) }
}

async fn document(rig: &Rig, source: &Source) -> Result<Document, FetchError> {
    let into = Utf8PathBuf::from_path_buf(rig.folder().join("document")).unwrap();
    rig.fetcher.get_document(source, &Validators::default(), 1 << 20, &into, &rig.stop).await
}

#[tokio::test]
async fn s_14_a_revoked_certificate_is_refused_and_its_sibling_is_not() {
    let (root, files) = (Authority::root("root"), Files::new());
    let file = Payload::random("a.exe", 1_000);
    let (revoked, good) = (root.certificate(HOST), root.certificate(HOST));
    let list = root.revoke(&revoked);
    let ((_one, revoked), (_two, good)) = (vendor(revoked, &file), vendor(good, &file));
    let (ca, list) = (files.write("ca.pem", root.pem()), files.write("root.crl", list));
    let rig = Rig::with(|c| {
        c.ca_file = Some(ca);
        c.crls = vec![list];
    });
    let error = rig.fetch_from(&file, vec![source(&revoked.url("/file"), Trust::Configured)]).await.unwrap_err();
    assert_eq!(error.code(), "tls-revoked", "{}", whole_text(&error));
    assert!(error.to_string().contains("`fetch.crls`"), "{error}");
    let error = document(&rig, &source(&revoked.url("/file"), Trust::Configured)).await.unwrap_err();
    assert_eq!(error.code(), "tls-revoked");
    rig.fetch_from(&file, vec![source(&good.url("/file"), Trust::Configured)]).await.unwrap();
}

#[tokio::test]
async fn s_14_a_revoked_authority_takes_all_its_certificates_with_it() {
    let (root, files) = (Authority::root("root"), Files::new());
    let (lost, kept) = (root.below("lost"), root.below("kept"));
    let file = Payload::random("a.exe", 1_000);
    let (_one, of_lost) = vendor(lost.certificate(HOST), &file);
    let (_two, of_kept) = vendor(kept.certificate(HOST), &file);
    let ca = files.write("ca.pem", root.pem());
    let list = files.write("root.crl", root.revoke_authority(&lost));
    let urls = [of_lost.url("/file"), of_kept.url("/file")];
    // Without the list both are good.
    let rig = Rig::with(|c| c.ca_file = Some(ca.clone()));
    for url in &urls {
        document(&rig, &source(url, Trust::Configured)).await.unwrap();
    }
    let rig = Rig::with(|c| {
        c.ca_file = Some(ca);
        c.crls = vec![list];
    });
    let error = document(&rig, &source(&urls[0], Trust::Configured)).await.unwrap_err();
    assert_eq!(error.code(), "tls-revoked", "{}", whole_text(&error));
    document(&rig, &source(&urls[1], Trust::Configured)).await.unwrap();
    // The authorities of a feed do not get around it.
    let error = document(&rig, &pinned(&urls[0], root.pem())).await.unwrap_err();
    assert_eq!(error.code(), "tls-revoked", "{}", whole_text(&error));
}

#[tokio::test]
async fn s_14_a_list_by_someone_else_revokes_nothing() {
    let (root, forger, files) = (Authority::root("root"), Authority::root("root"), Files::new());
    let file = Payload::random("a.exe", 1_000);
    let certificate = root.certificate(HOST);
    let (other, forged) = (Authority::root("other").revoke(&certificate), forger.revoke(&certificate));
    let (_vendor, front) = vendor(certificate, &file);
    let ca = files.write("ca.pem", root.pem());
    let rig = |list: Utf8PathBuf| {
        Rig::with(|c| {
            c.ca_file = Some(ca.clone());
            c.crls = vec![list];
        })
    };
    document(&rig(files.write("other.crl", other)), &source(&front.url("/file"), Trust::Configured)).await.unwrap();
    // One in the issuer's name with another key proves nothing either way: the host is refused, and not as revoked.
    let forged = rig(files.write("forged.crl", forged));
    let error = document(&forged, &source(&front.url("/file"), Trust::Configured)).await.unwrap_err();
    assert_eq!(error.code(), "tls", "{}", whole_text(&error));
}

#[tokio::test]
async fn s_14_a_list_that_cannot_be_read_is_named_at_the_start() {
    let files = Files::new();
    for path in [
        files.write("empty.crl", ""),
        files.write("text.crl", "no list"),
        files.write("broken.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
        files.write("broken.der", [0x30, 0x03, 1, 2, 3]),
        files.0.path().join("missing.crl").try_into().unwrap(),
    ] {
        let mut config = config();
        // So that there is an authority on machines without any.
        config.ca_file = Some(files.write("ca.pem", Authority::root("root").pem()));
        config.crls = vec![path.clone()];
        let error = Fetcher::new(&config, Clock::system(), Metrics::default()).unwrap_err().to_string();
        assert!(error.contains(path.as_str()) && error.contains("`fetch.crls`"), "{error}");
    }
}

#[tokio::test]
async fn s_14_a_feed_with_authorities_of_its_own_trusts_no_others() {
    let (of_the_machine, of_the_feed, files) = (Authority::root("machine"), Authority::root("feed"), Files::new());
    let file = Payload::random("a.exe", 1_000);
    let (_one, known) = vendor(of_the_machine.certificate(HOST), &file);
    let (_two, private) = vendor(of_the_feed.certificate(HOST), &file);
    let ca = files.write("ca.pem", of_the_machine.pem());
    let rig = Rig::with(|c| c.ca_file = Some(ca));
    let error = document(&rig, &pinned(&known.url("/file"), of_the_feed.pem())).await.unwrap_err();
    assert_eq!(error.code(), "tls-pinned", "{}", whole_text(&error));
    assert!(error.to_string().contains("feed set FEED --ca FILE"), "{error}");
    let error = document(&rig, &source(&private.url("/file"), Trust::Configured)).await.unwrap_err();
    assert_eq!(error.code(), "tls", "{}", whole_text(&error));
    document(&rig, &pinned(&private.url("/file"), of_the_feed.pem())).await.unwrap();
    document(&rig, &source(&known.url("/file"), Trust::Configured)).await.unwrap();
    // Several in one file: each of them counts.
    let both = format!("{}{}", of_the_machine.pem(), of_the_feed.pem());
    document(&rig, &pinned(&known.url("/file"), &both)).await.unwrap();
    document(&rig, &pinned(&private.url("/file"), &both)).await.unwrap();
}

#[tokio::test]
async fn s_14_a_redirect_leaves_a_feeds_authorities_only_where_a_digest_proves_the_content() {
    let (of_the_machine, of_the_feed, files) = (Authority::root("machine"), Authority::root("feed"), Files::new());
    let file = Payload::random("a.exe", 1_000);
    let (_one, elsewhere) = vendor(of_the_machine.certificate("localhost"), &file);
    let (vendor, front) = vendor(of_the_feed.certificate(HOST), &file);
    let to = elsewhere.url("/file").replace(HOST, "localhost");
    vendor.script("/moved", [Act::redirect(&to)]);
    let ca = files.write("ca.pem", of_the_machine.pem());
    let rig = Rig::with(|c| {
        c.ca_file = Some(ca);
        c.allow_hosts = vec!["localhost".parse().unwrap()];
    });
    let moved = pinned(&front.url("/moved"), of_the_feed.pem());
    let error = document(&rig, &moved).await.unwrap_err();
    assert_eq!(error.code(), "tls-pinned", "{}", whole_text(&error));
    rig.fetch_from(&file, vec![moved]).await.unwrap();
}
