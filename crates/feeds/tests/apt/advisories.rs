//! Advisories name and rank what the archive holds.

use std::io::{Cursor, Write as _};

use patchwharf_feeds::{FeedError, Limits, advisories::Advisories, apt::ReleaseName};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{read, stanza};

fn bookworm() -> ReleaseName {
    ReleaseName { codename: "bookworm".into(), ecosystem: "Debian:12".into() }
}

fn load(bytes: &[u8]) -> Result<Advisories, FeedError> {
    load_with(bytes, &Limits::default())
}

fn load_with(bytes: &[u8], limits: &Limits) -> Result<Advisories, FeedError> {
    Advisories::read("advisories", Cursor::new(bytes), &bookworm(), limits)
}

const LIST: &str = "\
[29 Mar 2026] DSA-5380-1 xorg-server - security update
\t{CVE-2023-1393 CVE-2023-1394}
\t[bullseye] - xorg-server 2:1.20.11-1+deb11u6
\t[bookworm] - xorg-server 2:21.1.7-2
\tNOTE: nothing of interest
[20 Mar 2026] DSA-5370-1 xorg-server - security update
\t{CVE-2023-0001}
\t[bookworm] - xorg-server 2:21.1.7-1
[10 Mar 2026] DSA-5360-1 xorg-server - security update
\t[bookworm] - xorg-server 2:21.1.6-1
[30 Apr 2026] DSA-5390-1 xorg-server - security update
\t[bookworm] - xorg-server 2:21.1.9-1
[01 Feb 2026] DSA-5300-1 absent - security update
\t[bookworm] - absent 1.0-1
[01 Jan 2026] DSA-5200-1 other - security update
\t[bookworm] - other <not-affected>
";

#[test]
fn a_package_belongs_to_the_advisory_with_the_highest_fix_that_it_contains() {
    let advisories = load(LIST.as_bytes()).unwrap();
    let packages = stanza("xserver-common", "2:21.1.7-3", "Source: xorg-server\n") + &stanza("unrelated", "1.0", "");
    let read = read(&packages, Some(&advisories));
    let item = read.update("xserver-common:amd64");
    assert_eq!(item.bulletin, "DSA-5380-1");
    assert_eq!(item.cves, ["CVE-2023-1393", "CVE-2023-1394"]);
    assert_eq!(item.revised.to_string(), "2026-03-29T00:00:00Z");
    assert_eq!(item.urls, ["https://security-tracker.debian.org/tracker/DSA-5380-1"]);
    assert_eq!(read.update("unrelated:amd64").bulletin, "unrelated_1.0");
    let bulletin = read.bulletin("DSA-5380-1");
    assert_eq!(bulletin.title, "xorg-server - security update");
    assert_eq!(bulletin.released.unwrap().to_string(), "2026-03-29T00:00:00Z");
    assert_eq!((bulletin.superseded_by.clone(), bulletin.cves.len()), (None, 2));
}

#[test]
fn an_advisory_whose_fix_has_left_the_archive_is_superseded_by_the_lowest_newer_one_there() {
    let advisories = load(LIST.as_bytes()).unwrap();
    let read = read(&stanza("xserver-common", "2:21.1.7-2", "Source: xorg-server\n"), Some(&advisories));
    for old in ["DSA-5370-1", "DSA-5360-1"] {
        assert_eq!(read.bulletin(old).superseded_by.as_deref(), Some("DSA-5380-1"));
    }
    assert_eq!(read.written.advisories, 3, "neither the fix still to come nor a package that is not there");
}

#[test]
fn advisories_never_add_files_and_never_name_what_is_older_than_their_fix() {
    let advisories = load(LIST.as_bytes()).unwrap();
    let read = read(&stanza("xserver-common", "2:21.1.5-1", "Source: xorg-server\n"), Some(&advisories));
    assert_eq!(read.update("xserver-common:amd64").bulletin, "xorg-server_2:21.1.5-1");
    assert_eq!(read.updates.len(), 1);
    assert_eq!(read.bulletins.len(), 1);
}

#[test]
fn of_two_advisories_for_one_version_the_later_speaks_and_supersedes_the_other() {
    let list = "[02 Mar 2026] DSA-2-1 a - regression update\n\t[bookworm] - a 1.0\n\
                [01 Mar 2026] DSA-1-1 a - security update\n\t{CVE-2026-1}\n\t[bookworm] - a 1.0\n";
    let read = read(&stanza("a", "1.0", ""), Some(&load(list.as_bytes()).unwrap()));
    assert_eq!(read.update("a:amd64").bulletin, "DSA-2-1");
    assert_eq!(read.bulletin("DSA-1-1").superseded_by.as_deref(), Some("DSA-2-1"));
}

#[test]
fn a_broken_line_rejects_its_own_advisory_only() {
    let list = format!(
        "[99 Foo 2026] DSA-1-1 a - b\n\t[bookworm] - a 1.0\n[01 Mar 2026] ../../x a - b\n{LIST}\
                        [01 Mar 2026] DSA-9-1 a - b\n\t[bookworm] - a not~a version!\n\t[bookworm] - a ../1\n"
    );
    let advisories = load(list.as_bytes()).unwrap();
    assert_eq!(advisories.rejected().len(), 3, "{:?}", advisories.rejected());
    assert_eq!(advisories.all().iter().filter(|advisory| advisory.id.starts_with("DSA-5")).count(), 5);
    assert!(advisories.all().iter().all(|advisory| !advisory.id.contains('/') && advisory.id != "DSA-1-1"));
}

#[test]
fn what_is_no_list_is_refused() {
    for text in ["", "<html>", "Package: a\n", "\n\n", "\t[bookworm] - a 1\n"] {
        assert_eq!(load(text.as_bytes()).unwrap_err().code(), "unsupported", "{text:?}");
    }
}

fn document(id: &str, more: &str) -> String {
    format!(
        r#"{{"id": "{id}", "summary": "a - security update", "published": "2026-03-01T10:00:00Z", {more}
            "upstream": ["CVE-2026-1", "DEBIAN-CVE-2026-2"], "related": ["nonsense"],
            "affected": [{{"package": {{"ecosystem": "Debian:12", "name": "a"}},
                           "ranges": [{{"type": "ECOSYSTEM", "events": [{{"introduced": "0"}}, {{"fixed": "1.0"}}]}}]}},
                         {{"package": {{"ecosystem": "Debian:11", "name": "a"}},
                           "ranges": [{{"type": "ECOSYSTEM", "events": [{{"fixed": "0.1"}}]}}]}}]}}"#
    )
}

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn an_osv_archive_names_bulletins_too() {
    let archive = zip(&[
        ("DSA-1-1.json", &document("DSA-1-1", "")),
        ("DEBIAN-CVE-2026-2.json", &document("DEBIAN-CVE-2026-2", "")),
        ("DSA-2-1.json", &document("DSA-2-1", r#""withdrawn": "2026-03-02T00:00:00Z","#)),
        ("readme.txt", "not read"),
    ]);
    let advisories = load(&archive).unwrap();
    assert_eq!(advisories.all().len(), 1);
    assert_eq!(advisories.all()[0].cves, ["CVE-2026-1", "CVE-2026-2"]);
    let read = read(&stanza("a", "1.0", ""), Some(&advisories));
    assert_eq!(read.update("a:amd64").bulletin, "DSA-1-1");
    assert_eq!(read.bulletin("DSA-1-1").released.unwrap().to_string(), "2026-03-01T10:00:00Z");
}

#[test]
fn v_07_names_that_lead_out_of_an_archive_are_refused() {
    for name in ["../DSA-1-1.json", "/etc/x.json", "a/../../b.json", "a\\b.json", "C:x.json", "a//b.json"] {
        let archive = zip(&[("good.json", &document("DSA-2-1", "")), (name, &document("DSA-1-1", ""))]);
        assert_eq!(load(&archive).unwrap_err().code(), "malformed", "{name}");
    }
}

/// Nothing is unpacked to the disk, so that there is no link to follow; it is no document either.
#[test]
fn v_08_links_in_an_archive_lead_nowhere() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["DSA-1-1.json", "folder"] {
        writer.add_symlink(name, "/etc", SimpleFileOptions::default()).unwrap();
    }
    writer.start_file("folder/DSA-2-1.json", SimpleFileOptions::default()).unwrap();
    writer.write_all(document("DSA-2-1", "").as_bytes()).unwrap();
    let advisories = load(&writer.finish().unwrap().into_inner()).unwrap();
    let ids: Vec<_> = advisories.all().iter().map(|advisory| advisory.id.as_str()).collect();
    assert_eq!((ids.as_slice(), advisories.rejected().len()), (&["DSA-2-1"][..], 0));
}

#[test]
fn the_same_name_twice_in_an_archive_is_refused() {
    // The writer will not make one: write two names of one length and rename the second in the bytes.
    let archive = zip(&[("DSA-1-1.json", &document("DSA-1-1", "")), ("DSA-1-2.json", &document("DSA-1-2", ""))]);
    let mut broken = archive.clone();
    let places: Vec<usize> =
        archive.windows(12).enumerate().filter(|(_, name)| *name == b"DSA-1-2.json").map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2, "once at the member and once in the directory");
    places.iter().for_each(|at| broken[at + 6] = b'1');
    assert_eq!(load(&broken).unwrap_err().code(), "malformed");
}

#[test]
fn the_same_advisory_twice_counts_once() {
    let archive = zip(&[("a.json", &document("DSA-1-1", "")), ("b.json", &document("DSA-1-1", ""))]);
    let advisories = load(&archive).unwrap();
    assert_eq!((advisories.all().len(), advisories.rejected().len()), (1, 1));
}

/// Nobody signs a list of advisories: neither its length nor how often it names one package may cost its square.
#[test]
fn v_13_a_hundred_thousand_advisories_for_one_package_are_matched_in_linear_time() {
    let mut list = String::new();
    for number in 1..=100_000 {
        list += &format!("[29 Mar 2026] DSA-{number}-1 a - update\n\t[bookworm] - a 1.{number}\n");
    }
    let advisories = load(list.as_bytes()).unwrap();
    let packages: String = (0..500).map(|n| stanza(&format!("p{n}"), "1.0", "Source: a (1.99999)\n")).collect();
    let read = read(&packages, Some(&advisories));
    assert_eq!(read.update("p499:amd64").bulletin, "DSA-99999-1");
    assert_eq!(read.bulletin("DSA-1-1").superseded_by.as_deref(), Some("DSA-99999-1"));
    let nothing = load(list.as_bytes()).unwrap();
    assert_eq!(nothing.matching().bulletins().count(), 0);
}

#[test]
fn v_13_a_list_of_nothing_but_faults_is_refused_early() {
    let faults = "[29 Mar 2026] DSA-1-1 a - update\n".to_owned() + &"\t[bookworm] - x\n".repeat(1_000);
    let limits = Limits { entries: 100, ..Limits::default() };
    assert_eq!(load_with(faults.as_bytes(), &limits).unwrap_err().code(), "limit");
    let cves = format!("[29 Mar 2026] DSA-1-1 a - u\n{}\t[bookworm] - a 1\n", "\t{CVE-2026-1 CVE-2026-2}\n".repeat(9));
    let limits = Limits { entry_fields: 4, ..Limits::default() };
    assert_eq!(load_with(cves.as_bytes(), &limits).unwrap().all()[0].cves.len(), 4);
}

#[test]
fn v_12_a_zip_bomb_is_refused() {
    let bomb = format!("{{\"id\": \"{}\"}}", "x".repeat(4 << 20));
    let archive = zip(&[("bomb.json", &bomb)]);
    assert!(archive.len() < bomb.len() / 250);
    assert_eq!(load(&archive).unwrap_err().code(), "limit");
    let limits = Limits { unpacked_bytes: 1000, ..Limits::default() };
    let honest = zip(&[("a.json", &document("DSA-1-1", "")), ("b.json", &document("DSA-2-1", ""))]);
    assert_eq!(load_with(&honest, &limits).unwrap_err().code(), "limit");
    let limits = Limits { entry_bytes: 100, ..Limits::default() };
    assert_eq!(load_with(&honest, &limits).unwrap_err().code(), "limit");
    let limits = Limits { entries: 1, ..Limits::default() };
    assert_eq!(load_with(&honest, &limits).unwrap_err().code(), "limit");
}

#[test]
fn v_13_json_that_is_deep_or_says_things_twice_is_rejected() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    for (name, text) in [
        ("deep.json", format!(r#"{{"id": "DSA-1-1", "affected": {deep}}}"#)),
        ("twice.json", document("DSA-1-1", r#""id": "DSA-2-1","#)),
        ("number.json", document("DSA-1-1", r#""published": 1e400,"#)),
        ("surrogate.json", document(r"DSA-\ud800", "")),
        ("cut.json", document("DSA-1-1", "").split_at(200).0.to_owned()),
        ("path.json", document("DSA-1-1/../..", "")),
    ] {
        let advisories = load(&zip(&[(name, &text)])).unwrap();
        assert_eq!((advisories.all().len(), advisories.rejected().len()), (0, 1), "{name}");
    }
    // What no reader asks for is skipped, however deep, without a stack to overflow.
    let skipped = load(&zip(&[("skip.json", &document("DSA-1-1", &format!(r#""unknown": {deep},"#)))])).unwrap();
    assert_eq!(skipped.all().len(), 1);
}

#[test]
fn s_20_an_archive_cut_anywhere_is_refused() {
    let archive = zip(&[("a.json", &document("DSA-1-1", "")), ("b.json", &document("DSA-2-1", ""))]);
    for cut in 0..archive.len() {
        load(&archive[..cut]).expect_err("it was accepted");
    }
}
