//! Advisories in the two forms that feeds take: Debian's DSA list and OSV records in a zip.

use std::io::{Cursor, Write};

use serde_json::json;

/// An advisory about one source package in one release.
#[derive(Clone, Debug)]
pub struct Advisory {
    /// `DSA-5380-1`.
    pub id: String,
    /// Day, `2023-03-29`.
    pub day: String,
    /// Source package.
    pub source: String,
    /// Release codename, `bookworm`.
    pub release: String,
    /// Release number as OSV names it: `Debian:12`.
    pub ecosystem: String,
    /// First version without the hole.
    pub fixed: String,
    /// CVE names.
    pub cves: Vec<String>,
}

impl Advisory {
    /// An advisory for bookworm, Debian 12.
    #[must_use]
    pub fn new(id: &str, day: &str, source: &str, fixed: &str, cves: &[&str]) -> Self {
        Self {
            id: id.into(),
            day: day.into(),
            source: source.into(),
            release: "bookworm".into(),
            ecosystem: "Debian:12".into(),
            fixed: fixed.into(),
            cves: cves.iter().map(|cve| (*cve).to_owned()).collect(),
        }
    }
}

/// The security tracker's `data/DSA/list`.
#[must_use]
pub fn dsa_list(advisories: &[Advisory]) -> String {
    let mut text = String::new();
    for a in advisories {
        let day: jiff::civil::Date = a.day.parse().expect("a day");
        text += &format!("[{}] {} {} - security update\n", day.strftime("%d %b %Y"), a.id, a.source);
        if !a.cves.is_empty() {
            text += &format!("\t{{{}}}\n", a.cves.join(" "));
        }
        text += &format!("\t[{}] - {} {}\n", a.release, a.source, a.fixed);
    }
    text
}

/// A zip of OSV records, one JSON file each.
#[must_use]
pub fn osv_zip(advisories: &[Advisory]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for a in advisories {
        let record = json!({
            "id": a.id,
            "summary": format!("{} - security update", a.source),
            "details": format!("Holes in {} are closed.", a.source),
            "published": format!("{}T00:00:00Z", a.day),
            "modified": format!("{}T00:00:00Z", a.day),
            "related": a.cves,
            "references": [{"type": "ADVISORY", "url": format!("https://vendor.example/{}", a.id)}],
            "affected": [{
                "package": {"ecosystem": a.ecosystem, "name": a.source},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": a.fixed}]}],
            }],
        });
        zip.start_file(format!("{}.json", a.id), zip::write::SimpleFileOptions::default()).expect("memory");
        zip.write_all(record.to_string().as_bytes()).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}
