//! The layout of a repository: Release files, indices, pool.

use std::{collections::BTreeMap, io::Write};

use bytes::Bytes;
use jiff::Timestamp;

use super::{Deb, Key};
use crate::{Vendor, payload};

/// How an index is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `Packages`.
    Plain,
    /// `Packages.gz`.
    Gzip,
    /// `Packages.xz`.
    Xz,
    /// `Packages.zst`.
    Zstd,
}

/// A repository of one suite and component.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Suite, also the folder below `dists`.
    pub suite: String,
    /// Codename.
    pub codename: String,
    /// Component.
    pub component: String,
    /// Architectures.
    pub architectures: Vec<String>,
    /// Date.
    pub date: Timestamp,
    /// Valid-Until; none: the field is absent.
    pub valid_until: Option<Timestamp>,
    /// Whether indices are published by hash as well, and said to be.
    pub by_hash: bool,
    /// Which forms of the index are published. All forms, the plain one too, have their digest in Release.
    pub compressions: Vec<Compression>,
    /// Packages.
    pub debs: Vec<Deb>,
}

impl Repository {
    /// A security archive for amd64 of 20 November 2026, good for a week, xz and plain, by hash.
    pub fn new(debs: impl IntoIterator<Item = Deb>) -> Self {
        Self {
            suite: "bookworm-security".into(),
            codename: "bookworm-security".into(),
            component: "main".into(),
            architectures: vec!["amd64".into()],
            date: "2026-11-20T00:12:41Z".parse().expect("a time"),
            valid_until: Some("2026-11-27T00:12:41Z".parse().expect("a time")),
            by_hash: true,
            compressions: vec![Compression::Xz, Compression::Plain],
            debs: debs.into_iter().collect(),
        }
    }

    /// Dated now, good for a week: for servers that run by the machine's clock.
    #[must_use]
    pub fn fresh(mut self, now: Timestamp) -> Self {
        self.date = now;
        self.valid_until = Some(now + jiff::SignedDuration::from_hours(24 * 7));
        self
    }

    /// The plain index of an architecture (packages for `all` included).
    #[must_use]
    pub fn packages(&self, architecture: &str) -> String {
        let stanzas: Vec<String> = self
            .debs
            .iter()
            .filter(|deb| deb.architecture == architecture || deb.architecture == "all")
            .map(|deb| deb.stanza(&self.component))
            .collect();
        stanzas.join("\n")
    }

    /// The indices by path below `dists/<suite>`.
    #[must_use]
    pub fn indices(&self) -> BTreeMap<String, Bytes> {
        let mut indices = BTreeMap::new();
        for architecture in &self.architectures {
            let plain = self.packages(architecture);
            for compression in [Compression::Plain, Compression::Gzip, Compression::Xz, Compression::Zstd] {
                if compression != Compression::Plain && !self.compressions.contains(&compression) {
                    continue;
                }
                let (suffix, bytes) = packed(plain.as_bytes(), compression);
                let path = format!("{}/binary-{architecture}/Packages{suffix}", self.component);
                indices.insert(path, Bytes::from(bytes));
            }
        }
        indices
    }

    /// The text of Release.
    #[must_use]
    pub fn release(&self) -> String {
        let time = |t: Timestamp| t.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
        let mut text = format!(
            "Origin: Example\nLabel: Example-Security\nSuite: {}\nVersion: 12\nCodename: {}\nDate: {}\n",
            self.suite,
            self.codename,
            time(self.date)
        );
        if let Some(until) = self.valid_until {
            text += &format!("Valid-Until: {}\n", time(until));
        }
        if self.by_hash {
            text += "Acquire-By-Hash: yes\n";
        }
        text += &format!("Architectures: {}\nComponents: {}\n", self.architectures.join(" "), self.component);
        text += "Description: Example security updates\nSHA256:\n";
        for (path, bytes) in self.indices() {
            text += &format!(" {} {:8} {path}\n", payload::sha256(&bytes), bytes.len());
        }
        text
    }

    /// Every file of the repository by its path below the root.
    #[must_use]
    pub fn files(&self, key: &Key) -> BTreeMap<String, Bytes> {
        let dists = format!("dists/{}", self.suite);
        let release = self.release();
        let mut files = BTreeMap::from([
            (format!("{dists}/InRelease"), key.clearsign(&release)),
            (format!("{dists}/Release.gpg"), key.sign_detached(release.as_bytes())),
            (format!("{dists}/Release"), Bytes::from(release)),
        ]);
        for (path, bytes) in self.indices() {
            if path.ends_with("Packages") && !self.compressions.contains(&Compression::Plain) {
                continue;
            }
            if self.by_hash
                && let Some((folder, _)) = path.rsplit_once('/')
            {
                let digest = payload::sha256(&bytes);
                files.insert(format!("{dists}/{folder}/by-hash/SHA256/{digest}"), bytes.clone());
            }
            files.insert(format!("{dists}/{path}"), bytes);
        }
        files.extend(self.debs.iter().map(|deb| (deb.path(&self.component), deb.bytes.clone())));
        files
    }

    /// Publishes everything below `root` (for example `/debian`) of a vendor; returns the repository's URL.
    pub fn publish(&self, vendor: &Vendor, root: &str, key: &Key) -> String {
        for (path, bytes) in self.files(key) {
            vendor.publish(&format!("{root}/{path}"), bytes);
        }
        vendor.url(root)
    }
}

fn packed(plain: &[u8], compression: Compression) -> (&'static str, Vec<u8>) {
    match compression {
        Compression::Plain => ("", plain.to_vec()),
        Compression::Gzip => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            packer.write_all(plain).expect("memory");
            (".gz", packer.finish().expect("memory"))
        }
        Compression::Xz => {
            let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 6);
            packer.write_all(plain).expect("memory");
            (".xz", packer.finish().expect("memory"))
        }
        Compression::Zstd => (".zst", zstd::encode_all(plain, 3).expect("memory")),
    }
}
