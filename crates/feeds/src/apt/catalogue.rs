//! All packages of an archive's indexes, brought together and written as frames.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    io::{BufReader, Read},
};

use debversion::Version;
use patchwharf_model::{
    Severity,
    catalogue::{BulletinInfo, CatalogueHead, Frame, Rejected},
};

use super::{
    compression::Compression,
    deb822::{Stanza, Stanzas},
    package::{Archive, Package},
    release::Release,
};
use crate::{FeedError, Limits, Sink, advisories::Advisories};

/// The indexes of one archive, read.
#[derive(Debug)]
pub struct Catalogue<'a> {
    archive: Archive<'a>,
    head: CatalogueHead,
    packages: Vec<Package>,
    by_key: HashMap<String, usize>,
    rejected: Vec<Rejected>,
    left_out: u64,
    entries: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Updates.
    pub updates: u64,
    /// Entries refused.
    pub rejected: u64,
    /// Older versions of a package that the index also lists.
    pub left_out: u64,
    /// Bulletins that are advisories.
    pub advisories: u64,
}

impl<'a> Catalogue<'a> {
    /// An empty catalogue of the archive at `base_url` (the folder above `dists`).
    ///
    /// # Errors
    /// When `base_url` is no http(s) address.
    pub fn new(release: &Release, base_url: &str, limits: &'a Limits) -> Result<Self, FeedError> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let known =
            base_url.starts_with("https://") || base_url.starts_with("http://") || base_url.starts_with("file://");
        if !known || base_url.contains(['?', '#']) {
            let reason = "an archive's address begins with https://, http:// or file:// and has no `?` or `#`".into();
            return Err(FeedError::Unsupported { what: base_url, reason });
        }
        let either = |one: &str, other: &str| if one.is_empty() { other.to_owned() } else { one.to_owned() };
        let names = [&release.label, &release.suite, &release.codename];
        let security = names.iter().any(|name| name.to_ascii_lowercase().contains("security"));
        let archive = Archive {
            base_url,
            vendor: either(&release.origin, "unknown"),
            product: format!("{} {}", either(&release.origin, "apt"), either(&release.codename, &release.suite)),
            classification: if security { "Security Updates" } else { "Updates" },
            limits,
        };
        let head = CatalogueHead { date: Some(release.date), valid_until: release.valid_until, signed_by: Vec::new() };
        Ok(Self {
            archive,
            head,
            packages: Vec::new(),
            by_key: HashMap::new(),
            rejected: Vec::new(),
            left_out: 0,
            entries: 0,
        })
    }

    /// Reads one index. Its bytes must already have been checked against the signed `Release`
    /// ([`Index::check`](super::Index::check)).
    ///
    /// # Errors
    /// When it is damaged, no index, or breaks a limit. Entries that are wrong alone are only rejected.
    pub fn read_index(&mut self, what: &str, bytes: impl Read, compression: Compression) -> Result<(), FeedError> {
        let limits = self.archive.limits;
        let reader = BufReader::with_capacity(1 << 16, compression.unpack(what, bytes, limits)?);
        let mut stanzas = Stanzas::new(what, reader, limits);
        let mut stanza = Stanza::default();
        while stanzas.next(&mut stanza)? {
            self.entries += 1;
            if self.entries > limits.entries {
                let (limit, allowed) = ("the number of entries of all indexes", limits.entries);
                return Err(FeedError::Limit { what: what.to_owned(), offset: stanza.offset, limit, allowed });
            }
            match self.archive.package(&stanza) {
                Ok(package) => self.take(package),
                Err(reason) => {
                    let name = stanza.get("Package").unwrap_or("entry").chars().take(200).collect::<String>();
                    self.rejected
                        .push(Rejected { item: format!("{name} at byte {} of {what}", stanza.offset), reason });
                }
            }
        }
        Ok(())
    }

    /// Of several versions of a package the newest is kept.
    fn take(&mut self, package: Package) {
        match self.by_key.entry(package.item.key.clone()) {
            Entry::Vacant(place) => {
                place.insert(self.packages.len());
                self.packages.push(package);
            }
            Entry::Occupied(place) => {
                let held = &mut self.packages[*place.get()];
                // The same version may stand in two indexes (`all` in each architecture's): that is no older one.
                let same = held.version == package.version;
                self.left_out += u64::from(!same);
                if package.version > held.version {
                    *held = package;
                }
            }
        }
    }

    /// Writes everything: the head, each update, each bulletin, the end. With `advisories`, bulletins are theirs where
    /// they have one. `signed_by` are the fingerprints behind the good signatures.
    ///
    /// # Errors
    /// When the receiver stops.
    pub fn write(
        mut self,
        advisories: Option<&Advisories>,
        signed_by: &[String],
        sink: Sink<'_>,
    ) -> Result<Written, FeedError> {
        let mut written = Written { left_out: self.left_out, ..Written::default() };
        self.head.signed_by = signed_by.to_vec();
        sink(Frame::Head(self.head))?;
        let mut bulletins: BTreeMap<String, BulletinInfo> = BTreeMap::new();
        let empty = Advisories::default();
        let mut matching = advisories.unwrap_or(&empty).matching();
        for Package { mut item, source, source_version, summary, version: _ } in self.packages {
            if let Some(advisory) = matching.find(&source, &source_version) {
                item.bulletin.clone_from(&advisory.id);
                item.cves.clone_from(&advisory.cves);
                item.urls.extend(advisory.url());
                item.revised = advisory.date.unwrap_or(item.revised);
            } else {
                let info = bulletins.entry(item.bulletin.clone());
                let own_name = item.key.split(':').next() == Some(source.as_str());
                let info = info.or_insert_with(|| named_by_source(&item.bulletin, &source, &source_version, &summary));
                if own_name {
                    info.description = summary;
                }
            }
            sink(Frame::Update(Box::new(item)))?;
            written.updates += 1;
        }
        for info in bulletins.into_values() {
            sink(Frame::Bulletin(info))?;
        }
        for info in matching.bulletins() {
            written.advisories += 1;
            sink(Frame::Bulletin(info))?;
        }
        let of_advisories = advisories.map_or(&[][..], |advisories| advisories.rejected());
        for rejected in self.rejected.iter().chain(of_advisories) {
            written.rejected += 1;
            sink(Frame::Rejected(rejected.clone()))?;
        }
        sink(Frame::End { updates: written.updates, rejected: written.rejected })?;
        Ok(written)
    }
}

fn named_by_source(key: &str, source: &str, version: &Version, summary: &str) -> BulletinInfo {
    BulletinInfo {
        key: key.to_owned(),
        title: format!("{source} {version}"),
        description: summary.to_owned(),
        severity: Severity::NotRated,
        cves: Vec::new(),
        released: None,
        superseded_by: None,
    }
}
