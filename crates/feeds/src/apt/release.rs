//! `Release`: what an archive says of itself, and the digests of its indexes.

use std::collections::BTreeMap;

use patchwharf_model::{Sha256, Timestamp};

use super::{
    compression::Compression,
    deb822::{Stanza, Stanzas},
    path,
};
use crate::{FeedError, Limits};

/// How far an archive's date may lie ahead of the clock, in seconds.
const MAX_FUTURE_SECONDS: i64 = 24 * 60 * 60;

/// Debian's releases by codename, for archives whose `Release` gives no version.
const DEBIAN: [(&str, &str); 6] =
    [("buster", "10"), ("bullseye", "11"), ("bookworm", "12"), ("trixie", "13"), ("forky", "14"), ("duke", "15")];

/// A `Release` text, read. Whoever reads it has checked its signature.
#[derive(Clone, Debug, Default)]
pub struct Release {
    what: String,
    /// Who publishes, as in `Debian`.
    pub origin: String,
    /// What it is called, as in `Debian-Security`.
    pub label: String,
    /// As in `stable-security`.
    pub suite: String,
    /// As in `bookworm-security`.
    pub codename: String,
    /// As in `12`.
    pub version: String,
    /// When it was made.
    pub date: Timestamp,
    /// Until when it may be believed.
    pub valid_until: Option<Timestamp>,
    /// Components, such as `main` or `updates/main`.
    pub components: Vec<String>,
    /// Architectures.
    pub architectures: Vec<String>,
    /// Whether indexes can be had by their digest.
    pub by_hash: bool,
    files: BTreeMap<String, (u64, Sha256)>,
}

/// One index file, as `Release` pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Path below the folder of `Release`.
    pub path: String,
    /// The path that never changes its content, where the archive offers it: to be tried first.
    pub by_hash: Option<String>,
    /// How it is compressed.
    pub compression: Compression,
    /// Length in bytes, as fetched.
    pub size_bytes: u64,
    /// Digest of the bytes as fetched.
    pub sha256: Sha256,
}

/// The names under which advisories know a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseName {
    /// As in `bookworm`.
    pub codename: String,
    /// As in `Debian:12` (OSV); empty when it is not known.
    pub ecosystem: String,
}

impl Release {
    /// Reads a `Release` text (already without its signature).
    ///
    /// # Errors
    /// When it is no such text, lacks its date or digests, or names a path that leads out of the archive.
    pub fn read(what: &str, text: &[u8], limits: &Limits) -> Result<Self, FeedError> {
        let mut stanzas = Stanzas::new(what, text, limits);
        let mut stanza = Stanza::default();
        let malformed = |reason: String| FeedError::Malformed { what: what.to_owned(), offset: 0, reason };
        if !stanzas.next(&mut stanza)? {
            return Err(malformed("it is empty".into()));
        }
        if let Some(fault) = &stanza.fault {
            return Err(malformed(fault.clone()));
        }
        let field = |name: &str| stanza.get(name).unwrap_or_default().to_owned();
        let words = |name: &str| field(name).split_ascii_whitespace().map(str::to_owned).collect();
        let time = |name: &str| -> Result<Option<Timestamp>, FeedError> {
            let Some(text) = stanza.get(name) else { return Ok(None) };
            let read = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
            read.map(Some).map_err(|error| malformed(format!("{name} is no date: {error}")))
        };
        let files = stanza.get("SHA256").ok_or_else(|| malformed("it has no SHA256 list of its indexes".into()))?;
        let release = Self {
            what: what.to_owned(),
            origin: field("Origin"),
            label: field("Label"),
            suite: field("Suite"),
            codename: field("Codename"),
            version: field("Version"),
            date: time("Date")?.ok_or_else(|| malformed("it has no Date".into()))?,
            valid_until: time("Valid-Until")?,
            components: words("Components"),
            architectures: words("Architectures"),
            by_hash: field("Acquire-By-Hash").eq_ignore_ascii_case("yes"),
            files: read_files(files).map_err(malformed)?,
        };
        if stanzas.next(&mut stanza)? {
            return Err(FeedError::Malformed {
                what: what.to_owned(),
                offset: stanza.offset,
                reason: "there is a second entry".into(),
            });
        }
        Ok(release)
    }

    /// Whether it may be believed at `now`: not from the future, not past its `Valid-Until`, not older than the one
    /// that was believed before (`held`).
    ///
    /// # Errors
    /// When it may not; the text says what to do.
    pub fn believe(&self, now: Timestamp, held: Option<Timestamp>) -> Result<(), FeedError> {
        let refuse = |reason: String| Err(FeedError::Expired { what: self.what.clone(), reason });
        let date = self.date;
        if date.as_second() > now.as_second() + MAX_FUTURE_SECONDS {
            return refuse(format!(
                "it is dated {date}, which is in the future (now: {now}); check this machine's clock"
            ));
        }
        if let Some(until) = self.valid_until.filter(|until| *until < now) {
            return refuse(format!(
                "it was valid until {until} (now: {now}); the mirror is stale or someone holds it back: use another \
                 mirror, or check this machine's clock"
            ));
        }
        if let Some(held) = held.filter(|held| date < *held) {
            return refuse(format!(
                "it is dated {date} and older than the one of {held} that was imported before; the mirror went back \
                 in time: use another mirror, or wait until it has caught up"
            ));
        }
        Ok(())
    }

    /// Refuses a `Release` of another suite than the one that was asked for, as a mirror could serve.
    ///
    /// # Errors
    /// When neither `Suite` nor `Codename` is `suite`.
    pub fn must_be(&self, suite: &str) -> Result<(), FeedError> {
        let named = [&self.suite, &self.codename];
        let fits = |name: &String| {
            // Some archives live in a folder below the suite, as in `stable/updates`.
            !name.is_empty()
                && suite.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if named.into_iter().any(fits) || named.iter().all(|name| name.is_empty()) {
            return Ok(());
        }
        let reason = format!(
            "it describes suite `{}` (codename `{}`), not `{suite}`: correct the feed's --suite, or use another mirror",
            self.suite, self.codename
        );
        Err(FeedError::Unsupported { what: self.what.clone(), reason })
    }

    /// The forms in which the index of packages can be had, the smallest first.
    ///
    /// # Errors
    /// When the archive has no such component or architecture; the text names those it has.
    pub fn indexes(&self, component: &str, architecture: &str) -> Result<Vec<Index>, FeedError> {
        // Debian's security archive calls its component `updates/main` and keeps it under `main`.
        let folder = component.strip_prefix("updates/").unwrap_or(component);
        let folders = [format!("{component}/binary-{architecture}"), format!("{folder}/binary-{architecture}")];
        for folder in folders {
            let found: Vec<Index> = Compression::ALL
                .into_iter()
                .filter_map(|compression| {
                    let path = format!("{folder}/Packages{}", compression.suffix());
                    let (size_bytes, sha256) = *self.files.get(&path)?;
                    let by_hash = self.by_hash.then(|| format!("{folder}/by-hash/SHA256/{sha256}"));
                    Some(Index { path, by_hash, compression, size_bytes, sha256 })
                })
                .collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let reason = format!(
            "it has no index of packages for component `{component}` and architecture `{architecture}`; it offers \
             components {} and architectures {}",
            self.components.join(", "),
            self.architectures.join(", ")
        );
        Err(FeedError::Unsupported { what: self.what.clone(), reason })
    }

    /// The names under which advisories know this release.
    #[must_use]
    pub fn name(&self) -> ReleaseName {
        let codename = self.codename.split(['-', '/']).next().unwrap_or_default().to_owned();
        let known = DEBIAN.iter().find(|(name, _)| *name == codename).map(|(_, version)| *version);
        let ecosystem = match self.origin.as_str() {
            "Ubuntu" if !self.version.is_empty() => format!("Ubuntu:{}", self.version),
            "Debian" | "" => known
                .or_else(|| self.version.split('.').next().filter(|major| !major.is_empty()))
                .map_or_else(String::new, |major| format!("Debian:{major}")),
            _ => String::new(),
        };
        ReleaseName { codename, ecosystem }
    }
}

impl Index {
    /// Whether fetched bytes are the ones that `Release` pins.
    ///
    /// # Errors
    /// When length or digest differ; both are named.
    pub fn check(&self, size_bytes: u64, sha256: Sha256) -> Result<(), FeedError> {
        if size_bytes == self.size_bytes && sha256 == self.sha256 {
            return Ok(());
        }
        let reason = format!(
            "it has {size_bytes} bytes with SHA-256 {sha256}, the signed Release pins {} bytes with {} (the mirror may \
             be in the middle of an update)",
            self.size_bytes, self.sha256
        );
        Err(FeedError::Damaged { what: self.path.clone(), offset: 0, reason })
    }
}

fn read_files(list: &str) -> Result<BTreeMap<String, (u64, Sha256)>, String> {
    let mut files = BTreeMap::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let (Some(digest), Some(size), Some(path), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(format!("a line of its SHA256 list is not `digest size path`: {line:?}"));
        };
        let digest: Sha256 = digest.parse().map_err(|error| format!("in its SHA256 list, {error}"))?;
        let size: u64 = size.parse().map_err(|_| format!("in its SHA256 list, {size:?} is no size"))?;
        if let Some(reason) = path::refusal(path) {
            return Err(format!("its SHA256 list names {path:?}, which is refused: {reason}"));
        }
        if files.insert(path.to_owned(), (size, digest)).is_some_and(|before| before != (size, digest)) {
            return Err(format!("its SHA256 list names {path:?} twice with different digests"));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
