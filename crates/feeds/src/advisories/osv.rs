//! OSV archives (<https://ossf.github.io/osv-schema/>): a zip file of one JSON document for each advisory.

use std::{
    collections::HashSet,
    io::{Read, Seek, SeekFrom},
};

use patchwharf_model::Timestamp;
use serde::Deserialize;
use zip::{ZipArchive, read::Config};

use super::{Advisories, Advisory};
use crate::{
    FeedError, Limits,
    apt::{ReleaseName, version},
};

#[derive(Deserialize)]
struct Document {
    id: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    details: String,
    published: Option<Timestamp>,
    withdrawn: Option<Timestamp>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    related: Vec<String>,
    #[serde(default)]
    affected: Vec<Affected>,
}

#[derive(Deserialize)]
struct Affected {
    package: Option<Package>,
    #[serde(default)]
    ranges: Vec<Span>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Span {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    fixed: Option<String>,
}

pub(super) fn read<R: Read + Seek>(
    what: &str,
    mut reader: R,
    release: &ReleaseName,
    limits: &Limits,
    found: &mut Advisories,
) -> Result<(), FeedError> {
    let broken = |reason: String| FeedError::Malformed { what: what.to_owned(), offset: 0, reason };
    let over = |limit, allowed| FeedError::Limit { what: what.to_owned(), offset: 0, limit, allowed };
    let stated = members_stated(&mut reader).map_err(|error| FeedError::from_io(what, 0, error))?;
    if stated.is_some_and(|count| count > limits.entries) {
        return Err(over("the number of members", limits.entries));
    }
    let mut archive = ZipArchive::with_config(Config::default(), reader).map_err(|error| broken(error.to_string()))?;
    if stated != Some(archive.len() as u64) {
        return Err(broken("two of its members have the same name, or its directory is damaged".into()));
    }
    if archive.has_overlapping_entries().map_err(|error| broken(error.to_string()))? {
        return Err(broken("its members overlap".into()));
    }
    let (mut unpacked, mut ids, mut text) = (0u64, HashSet::new(), Vec::new());
    for place in 0..archive.len() {
        let member = archive.by_index(place).map_err(|error| broken(format!("member {place}: {error}")))?;
        let name = member.name().map_err(|error| broken(format!("member {place}: {error}")))?.into_owned();
        if let Some(reason) = odd(&name) {
            return Err(broken(format!("its member {name:?} is refused: {reason}")));
        }
        if member.encrypted() {
            return Err(broken(format!("its member {name:?} is encrypted")));
        }
        if !member.is_file() || !name.ends_with(".json") {
            continue;
        }
        let packed = member.compressed_size();
        text.clear();
        let limited = member.take(limits.entry_bytes + 1).read_to_end(&mut text);
        let length = limited.map_err(|error| broken(format!("its member {name:?}: {error}")))? as u64;
        unpacked += length;
        if length > limits.entry_bytes {
            return Err(over("the size of one member in bytes", limits.entry_bytes));
        }
        if unpacked > limits.unpacked_bytes {
            return Err(over("its unpacked size in bytes", limits.unpacked_bytes));
        }
        // Small documents compress well and do no harm; a large one that is almost nothing is a bomb.
        if length > limits.entry_bytes / 8 && length > packed.saturating_mul(limits.expansion_ratio) {
            return Err(over("a member's unpacked size for each packed byte", limits.expansion_ratio));
        }
        match advisory(&text, release, limits) {
            Ok(None) => {}
            Ok(Some(advisory)) if ids.insert(advisory.id.clone()) => found.push(advisory),
            Ok(Some(advisory)) => found.reject(name, format!("{} is given twice", advisory.id)),
            Err(reason) => found.reject(name, reason),
        }
    }
    Ok(())
}

/// What the document says of the release; none when it says nothing of it, or is a mere CVE record.
fn advisory(text: &[u8], release: &ReleaseName, limits: &Limits) -> Result<Option<Advisory>, String> {
    let document: Document = serde_json::from_slice(text).map_err(|error| format!("it is no OSV document: {error}"))?;
    if document.withdrawn.is_some() || document.id.contains("CVE-") || release.ecosystem.is_empty() {
        return Ok(None);
    }
    if !super::is_id(&document.id) {
        return Err("its id is refused".into());
    }
    let mut fixed: Vec<(String, debversion::Version)> = Vec::new();
    for affected in document.affected {
        let Some(package) = affected.package.filter(|package| concerns(&package.ecosystem, release)) else { continue };
        let events = affected.ranges.iter().flat_map(|span| &span.events);
        let versions: Result<Vec<_>, _> = events.filter_map(|event| event.fixed.as_deref()).map(version).collect();
        if let Some(newest) = versions?.into_iter().max() {
            fixed.push((package.name, newest));
        }
        if fixed.len() as u64 > limits.entry_fields {
            return Err("it names too many packages".into());
        }
    }
    if fixed.is_empty() {
        return Ok(None);
    }
    // `DEBIAN-CVE-2024-1` stands for `CVE-2024-1`.
    let names = document.aliases.iter().chain(&document.upstream).chain(&document.related);
    let mut cves: Vec<String> = names
        .filter_map(|name| name.find("CVE-").map(|from| name[from..].to_owned()))
        .filter(|name| super::is_cve(name))
        .collect();
    cves.sort_unstable();
    cves.dedup();
    let title =
        if document.summary.is_empty() { format!("{} - security update", fixed[0].0) } else { document.summary };
    Ok(Some(Advisory { id: document.id, title, description: document.details, date: document.published, cves, fixed }))
}

/// `Ubuntu:22.04:LTS` is `Ubuntu:22.04`; `Ubuntu:Pro:22.04:LTS` is another archive.
fn concerns(ecosystem: &str, release: &ReleaseName) -> bool {
    ecosystem.strip_suffix(":LTS").unwrap_or(ecosystem) == release.ecosystem
}

fn odd(name: &str) -> Option<&'static str> {
    if name.len() > 255 || name.is_empty() {
        Some("it is empty or longer than 255 bytes")
    } else if name.chars().any(|c| c.is_control() || c == '\\' || c == ':') {
        Some("it has a control character, a backslash or a colon")
    } else if name.trim_end_matches('/').split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("it is absolute or leads out of the archive")
    } else {
        None
    }
}

/// The count of members that the end of the archive states (APPNOTE 4.3.14 and 4.3.16): the zip reader keeps one member
/// for each name, so a difference means that a name is there twice.
fn members_stated<R: Read + Seek>(reader: &mut R) -> std::io::Result<Option<u64>> {
    const TAIL: u64 = 22 + 65_535 + 20 + 56;
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    reader.by_ref().take(TAIL).read_to_end(&mut tail)?;
    reader.seek(SeekFrom::Start(0))?;
    let number = |at: usize, bytes: usize| {
        let digits = tail.get(at..at + bytes)?;
        Some(digits.iter().rev().fold(0u64, |sum, digit| sum << 8 | u64::from(*digit)))
    };
    let last = |mark: &[u8]| tail.windows(4).rposition(|window| window == mark);
    let Some(end) = last(b"PK\x05\x06") else { return Ok(None) };
    match number(end + 10, 2) {
        Some(0xffff) => Ok(last(b"PK\x06\x06").and_then(|end| number(end + 32, 8))),
        count => Ok(count),
    }
}
