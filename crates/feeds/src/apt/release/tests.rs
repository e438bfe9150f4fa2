#![allow(clippy::unwrap_used)]
use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn text(more: &str) -> String {
    format!(
        "Origin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\nVersion: 12\nCodename: bookworm-security\n\
         Date: Fri, 20 Nov 2026 00:12:41 UTC\nAcquire-By-Hash: yes\nComponents: updates/main\nArchitectures: amd64\n{more}\
         SHA256:\n {DIGEST} 0 main/binary-amd64/Packages\n {DIGEST}   17 main/binary-amd64/Packages.xz\n"
    )
}

fn read(text: &str) -> Result<Release, FeedError> {
    Release::read("InRelease", text.as_bytes(), &Limits::default())
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_release_is_read() {
    let release = read(&text("Valid-Until: Fri, 27 Nov 2026 00:12:41 UTC\n")).unwrap();
    assert_eq!(release.date, time("2026-11-20T00:12:41Z"));
    assert_eq!(release.valid_until, Some(time("2026-11-27T00:12:41Z")));
    let indexes = release.indexes("updates/main", "amd64").unwrap();
    assert_eq!(indexes, release.indexes("main", "amd64").unwrap());
    assert_eq!(indexes[0].path, "main/binary-amd64/Packages.xz");
    assert_eq!((indexes[0].compression, indexes[0].size_bytes), (Compression::Xz, 17));
    assert_eq!(indexes[0].by_hash, Some(format!("main/binary-amd64/by-hash/SHA256/{DIGEST}")));
    assert_eq!(release.name(), ReleaseName { codename: "bookworm".into(), ecosystem: "Debian:12".into() });
}

#[test]
fn a_component_or_architecture_that_is_not_there_is_named_with_those_that_are() {
    let error = read(&text("")).unwrap().indexes("contrib", "arm64").unwrap_err();
    assert_eq!(error.code(), "unsupported");
    assert!(error.to_string().contains("components updates/main and architectures amd64"), "{error}");
}

#[test]
fn s_22_an_expired_release_is_refused_and_the_message_says_what_to_do() {
    let release = read(&text("Valid-Until: Fri, 27 Nov 2026 00:12:41 UTC\n")).unwrap();
    assert!(release.believe(time("2026-11-27T00:12:41Z"), None).is_ok());
    let error = release.believe(time("2026-11-27T00:12:42Z"), None).unwrap_err();
    assert_eq!(error.code(), "expired");
    assert!(error.to_string().contains("use another mirror"), "{error}");
    assert!(
        read(&text("")).unwrap().believe(time("2030-01-01T00:00:00Z"), None).is_ok(),
        "without an end, it has none"
    );
}

#[test]
fn s_22_a_release_from_the_future_is_refused() {
    let release = read(&text("")).unwrap();
    assert!(release.believe(time("2026-11-19T00:12:41Z"), None).is_ok());
    let error = release.believe(time("2026-11-19T00:12:40Z"), None).unwrap_err();
    assert_eq!(error.code(), "expired");
    assert!(error.to_string().contains("in the future"), "{error}");
}

#[test]
fn s_22_a_release_older_than_the_one_held_is_refused() {
    let release = read(&text("")).unwrap();
    let now = time("2026-11-22T00:00:00Z");
    assert!(release.believe(now, Some(release.date)).is_ok(), "the same again is no step back");
    let error = release.believe(now, Some(time("2026-11-21T00:00:00Z"))).unwrap_err();
    assert!(error.to_string().contains("older than the one"), "{error}");
}

#[test]
fn another_suite_than_the_one_asked_for_is_refused() {
    let release = read(&text("")).unwrap();
    for suite in ["bookworm-security", "oldstable-security", "bookworm-security/updates"] {
        release.must_be(suite).unwrap();
    }
    for suite in ["trixie-security", "bookworm", "bookworm-security2", ""] {
        assert_eq!(release.must_be(suite).unwrap_err().code(), "unsupported", "{suite}");
    }
}

#[test]
fn broken_releases_are_refused() {
    for broken in [
        String::new(),
        "Origin: x\n".into(),
        text("").replace("Date:", "Dated:"),
        text("").replace("Fri, 20 Nov", "Fri, 99 Nov"),
        text("").replace("SHA256:", "SHA1:"),
        text("").replace("main/binary-amd64/Packages.xz", "../../etc/Packages"),
        text("").replace("main/binary-amd64/Packages.xz", "/etc/passwd"),
        text("").replace("   17 main", " 1x7 main"),
        text("").replace("   17 main", " 99999999999999999999 main"),
        text("").replace(" main/binary-amd64/Packages.xz", ""),
        text("").replace("Packages.xz", "Packages"),
        text("").replacen(DIGEST, "e3b0", 1),
        text("Suite: evil\n"),
        text("") + "\nOrigin: second\n",
    ] {
        assert_eq!(read(&broken).map(|_| ()).unwrap_err().code(), "malformed", "{broken}");
    }
}

#[test]
fn fetched_bytes_must_have_the_pinned_length_and_digest() {
    let index = read(&text("")).unwrap().indexes("main", "amd64").unwrap().remove(0);
    index.check(17, index.sha256).unwrap();
    assert_eq!(index.check(18, index.sha256).unwrap_err().code(), "damaged");
    let other = Sha256([7; 32]);
    let error = index.check(17, other).unwrap_err().to_string();
    assert!(error.contains(DIGEST) && error.contains(&other.to_string()), "both digests are named: {error}");
}

#[test]
fn ubuntu_and_debian_without_a_version_are_known_by_name() {
    let name = |text: String| read(&text).unwrap().name().ecosystem;
    assert_eq!(name(text("").replace("Version: 12\n", "")), "Debian:12");
    let ubuntu = text("").replace("Debian\n", "Ubuntu\n").replace("Version: 12", "Version: 22.04");
    assert_eq!(name(ubuntu), "Ubuntu:22.04");
    assert_eq!(name(text("").replace("Origin: Debian", "Origin: Example")), "");
}
