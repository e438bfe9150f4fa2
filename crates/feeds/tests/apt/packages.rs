//! `Packages` as updates.

use patchwharf_feeds::{
    Limits,
    apt::{Catalogue, Compression},
};
use patchwharf_model::{Severity, update::VendorDigest};

use crate::{DIGEST, read, read_as, release, stanza};

#[test]
fn a_package_becomes_an_update_of_its_source_packages_bulletin() {
    let read = read(
        &stanza(
            "xserver-common",
            "2:1.20.11-1+deb11u6",
            "Source: xorg-server\nHomepage: https://x.org/\nDepends: libc6 (>= 2)\n",
        ),
        None,
    );
    let item = read.update("xserver-common:amd64");
    assert_eq!(item.bulletin, "xorg-server_2:1.20.11-1+deb11u6");
    assert_eq!(item.severity, Severity::NotRated);
    assert_eq!((item.vendor.as_str(), item.version.as_str()), ("Example", "2:1.20.11-1+deb11u6"));
    assert_eq!(item.classification, "Security Updates");
    assert_eq!(item.urls, ["https://x.org/"]);
    assert_eq!(item.detail.extra["depends"], "libc6 (>= 2)");
    let file = &item.files[0];
    assert_eq!(file.name.as_str(), "xserver-common_2%3a1.20.11-1+deb11u6_amd64.deb");
    let url = "https://deb.example.test/debian/pool/xserver-common_2%253a1.20.11-1+deb11u6_amd64.deb";
    assert_eq!(file.url.as_deref(), Some(url));
    assert_eq!((file.size_bytes, file.digest), (1234, VendorDigest::Sha256(DIGEST.parse().unwrap())));
    let bulletin = read.bulletin("xorg-server_2:1.20.11-1+deb11u6");
    assert_eq!(bulletin.title, "xorg-server 2:1.20.11-1+deb11u6");
}

#[test]
fn a_source_version_of_its_own_names_the_bulletin() {
    let packages = stanza("a", "1.0+b1", "Source: src (1.0)\n") + &stanza("b", "1.0", "Source: src\n");
    let read = read(&packages, None);
    assert_eq!(read.update("a:amd64").bulletin, "src_1.0");
    assert_eq!(read.update("b:amd64").bulletin, "src_1.0");
    assert_eq!(read.bulletins.len(), 1);
}

#[test]
fn of_several_versions_the_newest_by_debians_rules_wins() {
    let versions = ["1.9", "1.10~rc1", "1:0.5", "1.10", "1.2-3"];
    let packages: String = versions.iter().map(|version| stanza("a", version, "")).collect();
    let read = read(&packages, None);
    assert_eq!(read.updates.len(), 1);
    assert_eq!(read.update("a:amd64").version, "1:0.5");
    assert_eq!(read.written.left_out, 4);
    assert_eq!(read.bulletins.len(), 1, "no bulletin is left without an update");
}

#[test]
fn one_bad_entry_is_rejected_with_its_reason_and_the_rest_goes_on() {
    let good = stanza("good", "1.0", "");
    let cases = [
        ("SHA256:", "MD5:", "no SHA256"),
        ("Size: 1234", "Size: 12x", "no size"),
        ("Size: 1234", "Size: 99999999999999", "are allowed"),
        ("Filename: pool/", "Filename: ../../pool/", "leads out"),
        ("Filename: pool/", "Filename: /pool/", "absolute"),
        ("Filename: pool/", "Filename: pool/..\\", "backslash"),
        ("_amd64.deb", "_amd64.deb/nul", "device"),
        ("Package: bad", "Package: b/ad", "no name"),
        ("Version: 1.0", "Version: 1 0", "no version"),
        ("Version: 1.0", "Version: -1", "no version"),
        ("Architecture: amd64", "Arch: amd64", "no Architecture"),
        ("Version: 1.0", "Version: 1.0\nSource: evil/../x", "source package"),
        ("Version: 1.0", "Version: 1.0\nversion: 2.0", "given twice"),
    ];
    for (from, to, reason) in cases {
        let packages = stanza("bad", "1.0", "").replacen(from, to, 1) + &good;
        let read = read(&packages, None);
        assert_eq!(read.updates.len(), 1, "{to}");
        assert_eq!(read.update("good:amd64").version, "1.0");
        assert_eq!(read.rejected.len(), 1, "{to}");
        assert!(read.rejected[0].reason.contains(reason), "{to}: {:?}", read.rejected);
    }
}

#[test]
fn the_same_package_in_two_indexes_is_one_update() {
    let limits = Limits::default();
    let mut catalogue = Catalogue::new(&release(), "https://deb.example.test", &limits).unwrap();
    let packages = stanza("doc", "1.0", "").replace("Architecture: amd64", "Architecture: all");
    for index in ["amd64", "arm64"] {
        catalogue.read_index(index, packages.as_bytes(), Compression::None).unwrap();
    }
    let written = catalogue.write(None, &[], &mut |_| Ok(())).unwrap();
    assert_eq!((written.updates, written.left_out), (1, 0));
}

#[test]
fn an_archive_without_a_usable_address_is_refused() {
    for url in ["", "ftp://x.test", "javascript:alert(1)", "https://x.test/?a", "https://x.test/#a", "/srv/mirror"] {
        let limits = Limits::default();
        assert_eq!(Catalogue::new(&release(), url, &limits).unwrap_err().code(), "unsupported", "{url}");
    }
}

#[test]
fn too_many_entries_are_refused() {
    let packages: String = (0..20).map(|n| stanza(&format!("p{n}"), "1", "")).collect();
    let limits = Limits { entries: 19, ..Limits::default() };
    let error = read_as(packages.as_bytes(), Compression::None, &limits, None).unwrap_err();
    assert_eq!(error.code(), "limit");
}

#[test]
fn an_interrupted_receiver_stops_the_writing() {
    let limits = Limits::default();
    let catalogue = Catalogue::new(&release(), "https://deb.example.test", &limits).unwrap();
    let stop = std::io::Error::other("gone");
    let mut stop = Some(stop);
    let error =
        catalogue.write(None, &[], &mut |_| Err(patchwharf_feeds::SinkError(stop.take().unwrap()))).unwrap_err();
    assert_eq!(error.code(), "stopped");
}
