//! Debian's own archive and advisories, where they are at hand.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Cursor, Read as _},
    path::PathBuf,
};

use patchwharf_feeds::{
    Limits,
    advisories::Advisories,
    apt::{Catalogue, Compression, Release},
};
use patchwharf_model::{Timestamp, catalogue::Frame};
use patchwharf_trust::{Keyring, openpgp::verify_cleartext, sha256};

fn samples() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("PATCHWHARF_SAMPLES").map(PathBuf::from);
    let mut places = named.into_iter().chain([root.join("../shared/samples"), root.join("../../shared/samples")]);
    let found = places.find(|folder| folder.join("linux/apt").is_dir());
    if found.is_none() {
        patchwharf_testkit::skipped("the samples are not here; PATCHWHARF_SAMPLES names their folder");
    }
    found.map(|folder| folder.join("linux"))
}

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

#[test]
fn debians_security_archive_is_read_from_signature_to_deb() {
    let Some(folder) = samples() else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let keyring = Keyring::read(&read("apt/debian-archive-bookworm-security-automatic.gpg")).unwrap();
    let verified = verify_cleartext(&keyring, &read("apt/debian-security-bookworm.InRelease"), now()).unwrap();
    let limits = Limits::default();
    let release = Release::read("InRelease", &verified.text, &limits).unwrap();
    release.must_be("bookworm-security").unwrap();
    release.believe(now(), None).unwrap();
    release.believe("2026-11-28T00:00:00Z".parse().unwrap(), None).unwrap_err();

    // Our .xz was packed again, so of the index only the plain form is the one that is signed.
    let packed = read("apt/debian-security-bookworm_main_amd64_Packages.xz");
    let mut plain = Vec::new();
    liblzma::read::XzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
    let indexes = release.indexes("main", "amd64").unwrap();
    let index = indexes.iter().find(|index| index.compression == Compression::None).unwrap();
    index.check(plain.len() as u64, sha256(&plain)).unwrap();
    assert!(indexes[0].check(packed.len() as u64, sha256(&packed)).is_err(), "another packing is another file");

    let mut catalogue = Catalogue::new(&release, "https://deb.debian.org/debian-security", &limits).unwrap();
    catalogue.read_index("Packages.xz", &packed[..], Compression::Xz).unwrap();
    let mut bulletins = BTreeSet::new();
    let written = catalogue
        .write(None, &verified.signed_by, &mut |frame| {
            if let Frame::Update(item) = frame {
                assert!(
                    item.files[0].url.as_deref().unwrap().starts_with("https://deb.debian.org/debian-security/pool/")
                );
                bulletins.insert(item.bulletin);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!((written.rejected, written.updates + written.left_out), (0, 3006));
    assert!(
        bulletins.contains("7zip_22.01+really26.02+dfsg-0+deb12u1"),
        "{:?}",
        bulletins.iter().take(5).collect::<Vec<_>>()
    );
}

#[test]
fn debians_advisories_are_read() {
    let Some(folder) = samples() else { return };
    let limits = Limits::default();
    let release = patchwharf_feeds::apt::ReleaseName { codename: "bullseye".into(), ecosystem: "Debian:11".into() };
    let list = File::open(folder.join("dsa/DSA-list.head4000.txt")).unwrap();
    let advisories = Advisories::read("DSA/list", list, &release, &limits).unwrap();
    assert!(advisories.rejected().is_empty(), "{:?}", advisories.rejected());
    let found = advisories.all().iter().find(|advisory| advisory.id == "DSA-5380-1").unwrap();
    assert_eq!(found.cves, ["CVE-2023-1393"]);
    assert_eq!(found.fixed[0].1.to_string(), "2:1.20.11-1+deb11u6");
    assert!(advisories.all().len() > 300, "{}", advisories.all().len());
    let list = File::open(folder.join("dsa/DLA-list.head1000.txt")).unwrap();
    let buster = patchwharf_feeds::apt::ReleaseName { codename: "buster".into(), ecosystem: "Debian:10".into() };
    let advisories = Advisories::read("DLA/list", list, &buster, &limits).unwrap();
    assert!(advisories.rejected().is_empty() && advisories.all().len() > 100);
}

#[test]
fn debians_osv_archive_is_read() {
    let Some(folder) = samples() else { return };
    let bytes = fs::read(folder.join("osv/debian-osv-all.zip")).unwrap();
    for version in ["Debian:6.0", "Debian:2.2", "Debian:12"] {
        let release = patchwharf_feeds::apt::ReleaseName { codename: String::new(), ecosystem: version.into() };
        let advisories = Advisories::read("all.zip", Cursor::new(&bytes), &release, &Limits::default()).unwrap();
        assert!(advisories.rejected().is_empty(), "{:?}", advisories.rejected());
    }
}
