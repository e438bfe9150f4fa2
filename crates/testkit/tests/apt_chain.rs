//! The whole way through repositories made on the spot: signature, `Release`, index, `.deb`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;

use patchwharf_feeds::{
    Limits,
    advisories::Advisories,
    apt::{Catalogue, Compression, Release},
};
use patchwharf_model::{Timestamp, catalogue::Frame, update::UpdateItem};
use patchwharf_testkit::apt::{self, Deb, Key, KeyKind, Repository};
use patchwharf_trust::{
    Keyring,
    openpgp::{verify_cleartext, verify_detached},
    sha256,
};

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn repository() -> Repository {
    let debs = [
        Deb::new("xserver-common", "2:21.1.7-3", "amd64").source("xorg-server"),
        Deb::new("xvfb", "2:21.1.7-3", "amd64").source("xorg-server"),
        Deb::new("tzdata", "2026a-0+deb12u1", "all"),
    ];
    let mut repository = Repository::new(debs);
    repository.compressions =
        vec![apt::Compression::Plain, apt::Compression::Gzip, apt::Compression::Xz, apt::Compression::Zstd];
    repository
}

/// Reads the index in one packing, everything checked.
fn import(files: &BTreeMap<String, impl AsRef<[u8]>>, release: &Release, compression: Compression) -> Vec<UpdateItem> {
    let limits = Limits::default();
    let indexes = release.indexes("main", "amd64").unwrap();
    let index = indexes.iter().find(|index| index.compression == compression).unwrap();
    let by_hash = format!("dists/bookworm-security/{}", index.by_hash.as_ref().unwrap());
    let bytes = files[&by_hash].as_ref();
    index.check(bytes.len() as u64, sha256(bytes)).unwrap();
    let list = apt::dsa_list(&[apt::Advisory::new(
        "DSA-5380-1",
        "2026-03-29",
        "xorg-server",
        "2:21.1.7-2",
        &["CVE-2023-1393"],
    )]);
    let advisories = Advisories::read("list", std::io::Cursor::new(list), &release.name(), &limits).unwrap();
    let mut catalogue = Catalogue::new(release, "https://deb.example.test/debian", &limits).unwrap();
    catalogue.read_index(&index.path, bytes, compression).unwrap();
    let mut items = Vec::new();
    catalogue
        .write(Some(&advisories), &[], &mut |frame| {
            if let Frame::Update(item) = frame {
                items.push(*item);
            }
            Ok(())
        })
        .unwrap();
    items
}

#[test]
fn a_repository_is_read_from_signature_to_deb_in_every_packing_and_with_every_key() {
    for kind in [KeyKind::Ed25519, KeyKind::Rsa, KeyKind::Subkey] {
        let key = Key::generate(kind);
        let files = repository().files(&key);
        let keyring = Keyring::read(&key.keyring()).unwrap();
        let inline = verify_cleartext(&keyring, &files["dists/bookworm-security/InRelease"], now()).unwrap();
        let (text, signature) =
            (&files["dists/bookworm-security/Release"], &files["dists/bookworm-security/Release.gpg"]);
        let detached = verify_detached(&keyring, text, signature, now()).unwrap();
        assert_eq!((&inline.text, &inline.signed_by), (&detached.text, &detached.signed_by));
        assert_eq!(inline.signed_by, [key.fingerprint()]);
        let release = Release::read("InRelease", &inline.text, &Limits::default()).unwrap();
        release.believe(now(), None).unwrap();
        for compression in Compression::ALL {
            let items = import(&files, &release, compression);
            let bulletins: Vec<&str> = items.iter().map(|item| item.bulletin.as_str()).collect();
            assert_eq!(bulletins, ["DSA-5380-1", "DSA-5380-1", "tzdata_2026a-0+deb12u1"]);
            for item in items {
                let url = item.files[0].url.clone().unwrap();
                let path = url.strip_prefix("https://deb.example.test/debian/").unwrap();
                let deb = &files[path];
                assert_eq!(item.files[0].size_bytes, deb.len() as u64);
                assert_eq!(item.files[0].digest, patchwharf_model::update::VendorDigest::Sha256(sha256(deb)));
            }
        }
    }
}

#[test]
fn both_forms_of_advisories_say_the_same() {
    let advisories = [apt::Advisory::new("DSA-1-1", "2026-03-29", "a", "1.0", &["CVE-2026-1"])];
    let release = patchwharf_feeds::apt::ReleaseName { codename: "bookworm".into(), ecosystem: "Debian:12".into() };
    let read = |bytes: Vec<u8>| {
        let mut found = Advisories::read("advisories", std::io::Cursor::new(bytes), &release, &Limits::default())
            .unwrap()
            .all()
            .to_vec();
        found[0].description.clear();
        found
    };
    assert_eq!(read(apt::dsa_list(&advisories).into_bytes()), read(apt::osv_zip(&advisories)));
}
