//! Advisories: Debian's DSA and DLA lists, and OSV archives. They are not signed, so they only name and rank what the
//! signed archive holds; they never add a file.

mod list;
mod matching;
mod osv;

use std::{
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
};

use debversion::Version;
use patchwharf_model::{Timestamp, catalogue::Rejected};

pub use matching::Matching;

use crate::{FeedError, Limits, apt::ReleaseName};

/// What one advisory says of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// As in `DSA-5380-1`.
    pub id: String,
    /// One line.
    pub title: String,
    /// More, where there is more.
    pub description: String,
    /// When it was published.
    pub date: Option<Timestamp>,
    /// CVE names.
    pub cves: Vec<String>,
    /// Source packages and the first version of each without the fault.
    pub fixed: Vec<(String, Version)>,
}

impl Advisory {
    /// Where people read it.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let debian = ["DSA-", "DLA-", "DTSA-"].iter().any(|prefix| self.id.starts_with(prefix));
        let ubuntu = self.id.strip_prefix("USN-");
        match ubuntu {
            Some(_) => Some(format!("https://ubuntu.com/security/notices/{}", self.id)),
            None => debian.then(|| format!("https://security-tracker.debian.org/tracker/{}", self.id)),
        }
    }
}

/// The advisories that concern one release.
#[derive(Clone, Debug, Default)]
pub struct Advisories {
    all: Vec<Advisory>,
    /// Per source package: (fixed version, place in `all`), oldest version first.
    by_source: HashMap<String, Vec<(Version, usize)>>,
    rejected: Vec<Rejected>,
}

impl Advisories {
    /// Reads a DSA or DLA list, or an OSV zip archive (told apart by their first bytes), and keeps what concerns
    /// `release`.
    ///
    /// # Errors
    /// When it is damaged, neither of them, or breaks a limit. Entries that are wrong alone are only rejected.
    pub fn read<R: Read + Seek>(
        what: &str,
        mut reader: R,
        release: &ReleaseName,
        limits: &Limits,
    ) -> Result<Self, FeedError> {
        let failed = |error| FeedError::from_io(what, 0, error);
        let mut magic = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
        reader.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut found = Self::default();
        if magic == b"PK\x03\x04" || magic == b"PK\x05\x06" {
            osv::read(what, reader, release, limits, &mut found)?;
        } else {
            list::read(what, reader, release, limits, &mut found)?;
        }
        for versions in found.by_source.values_mut() {
            let all = &found.all;
            versions.sort_by(|(left, l), (right, r)| left.cmp(right).then_with(|| rank(&all[*l]).cmp(&rank(&all[*r]))));
        }
        Ok(found)
    }

    /// The advisories.
    #[must_use]
    pub fn all(&self) -> &[Advisory] {
        &self.all
    }

    /// Entries that were refused.
    #[must_use]
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// Matches source packages of an archive against them.
    #[must_use]
    pub fn matching(&self) -> Matching<'_> {
        Matching::new(self)
    }

    fn push(&mut self, advisory: Advisory) {
        for (source, version) in &advisory.fixed {
            self.by_source.entry(source.clone()).or_default().push((version.clone(), self.all.len()));
        }
        self.all.push(advisory);
    }

    fn reject(&mut self, item: impl Into<String>, reason: impl Into<String>) {
        self.rejected.push(Rejected { item: item.into(), reason: reason.into() });
    }
}

/// Of advisories that name the same version, the latest speaks for it.
fn rank(advisory: &Advisory) -> (Option<Timestamp>, &str) {
    (advisory.date, &advisory.id)
}

/// A name such as `DSA-5380-1` or `USN-20-20`: it becomes a bulletin's key and part of addresses.
fn is_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (3..=80).contains(&id.len()) && id.contains('-') && id.bytes().all(fits)
}

fn is_cve(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| year.len() == 4 && digits(year) && digits(number))
}
