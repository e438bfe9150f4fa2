//! Debian's security tracker: `data/DSA/list` and `data/DLA/list`.
//!
//! ```text
//! [29 Mar 2023] DSA-5380-1 xorg-server - security update
//! <TAB>{CVE-2023-1393}
//! <TAB>[bullseye] - xorg-server 2:1.20.11-1+deb11u6
//! ```

use std::io::{BufRead as _, BufReader, Read};

use jiff::{civil, fmt::strtime, tz::TimeZone};
use patchwharf_model::Timestamp;

use super::{Advisories, Advisory};
use crate::{
    FeedError, Limits,
    apt::{ReleaseName, version},
};

pub(super) fn read(
    what: &str,
    reader: impl Read,
    release: &ReleaseName,
    limits: &Limits,
    found: &mut Advisories,
) -> Result<(), FeedError> {
    let mut reader = BufReader::new(reader);
    let (mut line, mut offset, mut entries) = (Vec::new(), 0u64, 0u64);
    let mut current: Option<Advisory> = None;
    loop {
        line.clear();
        let taken = reader.by_ref().take(limits.text_bytes + 1).read_until(b'\n', &mut line);
        taken.map_err(|error| FeedError::from_io(what, offset, error))?;
        let over = |limit, allowed| Err(FeedError::Limit { what: what.to_owned(), offset, limit, allowed });
        if line.len() as u64 > limits.text_bytes {
            return over("the length of one line in bytes", limits.text_bytes);
        }
        let text = String::from_utf8_lossy(&line);
        if line.is_empty() || !text.starts_with(['\t', ' ']) {
            current
                .take()
                .filter(|advisory| !advisory.fixed.is_empty())
                .into_iter()
                .for_each(|advisory| found.push(advisory));
        }
        if line.is_empty() {
            return if entries == 0 { Err(no_list(what)) } else { Ok(()) };
        }
        let text = text.trim_end();
        if text.starts_with('[') {
            entries += 1;
            if entries > limits.entries {
                return over("the number of advisories", limits.entries);
            }
            match header(text) {
                Ok(advisory) => current = Some(advisory),
                Err(reason) => found.reject(format!("advisory at byte {offset} of {what}"), reason),
            }
        } else if let (Some(advisory), true) = (&mut current, text.starts_with(['\t', ' '])) {
            if let Err(reason) = detail(text.trim_start(), release, advisory, limits) {
                found.reject(format!("{} at byte {offset} of {what}", advisory.id), reason);
            }
        } else if entries == 0 && !text.is_empty() {
            return Err(no_list(what));
        }
        // An entry may have any number of lines, and each of them a fault.
        if found.rejected.len() as u64 > limits.entries {
            return over("the number of refused lines", limits.entries);
        }
        offset += line.len() as u64;
    }
}

fn no_list(what: &str) -> FeedError {
    let reason = "it is neither a DSA or DLA list of Debian's security tracker nor an OSV zip archive".into();
    FeedError::Unsupported { what: what.to_owned(), reason }
}

/// `[29 Mar 2023] DSA-5380-1 xorg-server - security update`
fn header(line: &str) -> Result<Advisory, String> {
    let broken =
        || format!("the line is not `[date] id source - title`: {:?}", line.chars().take(200).collect::<String>());
    let (date, rest) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).ok_or_else(broken)?;
    let (id, title) = rest.split_once(' ').ok_or_else(broken)?;
    if !super::is_id(id) {
        return Err(broken());
    }
    Ok(Advisory {
        id: id.to_owned(),
        title: title.trim().to_owned(),
        description: String::new(),
        date: Some(day(date).ok_or_else(broken)?),
        cves: Vec::new(),
        fixed: Vec::new(),
    })
}

fn day(text: &str) -> Option<Timestamp> {
    let day: civil::Date = strtime::parse("%d %b %Y", text).ok()?.to_date().ok()?;
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn detail(line: &str, release: &ReleaseName, advisory: &mut Advisory, limits: &Limits) -> Result<(), String> {
    if let Some(cves) = line.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let names = cves.split_ascii_whitespace().filter(|name| super::is_cve(name));
        let room = (limits.entry_fields as usize).saturating_sub(advisory.cves.len());
        advisory.cves.extend(names.take(room).map(str::to_owned));
        return Ok(());
    }
    let Some((codename, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] - ")) else {
        return Ok(()); // the tracker's own remarks name no release
    };
    let mut words = rest.split_ascii_whitespace();
    if codename != release.codename {
        return Ok(());
    }
    match (words.next(), words.next()) {
        // `<not-affected>`, `<unfixed>`, `<end-of-life>` name no version.
        (Some(_), Some(fixed)) if fixed.starts_with('<') => Ok(()),
        (Some(source), Some(fixed)) => {
            if advisory.fixed.len() as u64 >= limits.entry_fields {
                return Err("it names too many packages".into());
            }
            advisory.fixed.push((source.to_owned(), version(fixed)?));
            Ok(())
        }
        _ => Err(format!("a line for {codename} names no version")),
    }
}
