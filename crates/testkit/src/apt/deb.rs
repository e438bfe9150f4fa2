//! Debian packages: small, valid, or just bytes.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use crate::payload;

/// One binary package as the archive lists it.
#[derive(Clone, Debug)]
pub struct Deb {
    /// Package.
    pub name: String,
    /// Source package with its version, where they differ from name and version.
    pub source: Option<(String, Option<String>)>,
    /// Version.
    pub version: String,
    /// Architecture: `amd64`, `all` ...
    pub architecture: String,
    /// First line of the description.
    pub description: String,
    /// The file.
    pub bytes: Bytes,
    /// Further fields of the stanza, in order.
    pub fields: Vec<(String, String)>,
}

impl Deb {
    /// A package that dpkg would install: one file in `/usr/share/doc`.
    #[must_use]
    pub fn new(name: &str, version: &str, architecture: &str) -> Self {
        Self::with_bytes(name, version, architecture, archive(name, version, architecture))
    }

    /// A package whose file is just these bytes.
    pub fn with_bytes(name: &str, version: &str, architecture: &str, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            source: None,
            version: version.into(),
            architecture: architecture.into(),
            description: format!("example package {name}"),
            bytes: bytes.into(),
            fields: Vec::new(),
        }
    }

    /// Built from this source package of the same version.
    #[must_use]
    pub fn source(mut self, name: &str) -> Self {
        self.source = Some((name.into(), None));
        self
    }

    /// Name of the file in the pool; an epoch is not part of it.
    #[must_use]
    pub fn file_name(&self) -> String {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, rest)| rest);
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }

    /// Path below the repository's root.
    #[must_use]
    pub fn path(&self, component: &str) -> String {
        let source = self.source.as_ref().map_or(&self.name, |(name, _)| name);
        format!("pool/{component}/{}/{source}/{}", &source[..1], self.file_name())
    }

    /// The stanza in Packages.
    #[must_use]
    pub fn stanza(&self, component: &str) -> String {
        let mut text = format!("Package: {}\n", self.name);
        match &self.source {
            Some((name, Some(version))) => text += &format!("Source: {name} ({version})\n"),
            Some((name, None)) => text += &format!("Source: {name}\n"),
            None => {}
        }
        text += &format!(
            "Version: {}\nInstalled-Size: 10\nMaintainer: Example <x@vendor.example>\nArchitecture: {}\nDescription: {}\n",
            self.version, self.architecture, self.description
        );
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\n");
        }
        text + &format!(
            "Section: utils\nPriority: optional\nFilename: {}\nSize: {}\nSHA256: {}\n",
            self.path(component),
            self.bytes.len(),
            payload::sha256(&self.bytes)
        )
    }
}

/// `debian-binary`, `control.tar.gz`, `data.tar.gz` in an `ar` archive (deb(5)).
fn archive(name: &str, version: &str, architecture: &str) -> Vec<u8> {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Example <x@vendor.example>\nDescription: example package {name}\n"
    );
    let readme = format!("{name} {version}\n");
    let data = [("./usr/", None), ("./usr/share/", None), ("./usr/share/example", Some(readme.as_bytes()))];
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", tar_gz(&[("./control", Some(control.as_bytes()))])),
        ("data.tar.gz", tar_gz(&data)),
    ];
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len()).bytes());
        out.extend(&bytes);
        if bytes.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// A ustar archive (POSIX.1-1988) of files, and of folders where there is no content.
fn tar_gz(entries: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in entries {
        let bytes = content.unwrap_or_default();
        let (mode, kind) = if content.is_some() { ("0000644", b'0') } else { ("0000755", b'5') };
        let mut header = [0u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, mode);
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", bytes.len()));
        put(136, "00000000000");
        put(148, "        ");
        put(257, "ustar\x0000root");
        header[156] = kind;
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(header);
        tar.extend(bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&tar).expect("memory");
    packer.finish().expect("memory")
}
