//! apt repositories and advisories made on the spot, broken ones, and the real samples where they are at hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

#[path = "apt/advisories.rs"]
mod advisories;
#[path = "apt/compressed.rs"]
mod compressed;
#[path = "apt/mutation.rs"]
mod mutation;
#[path = "apt/packages.rs"]
mod packages;
#[path = "apt/samples.rs"]
mod samples;

use patchwharf_feeds::{
    FeedError, Limits,
    advisories::Advisories,
    apt::{Catalogue, Compression, Release, Written},
};
use patchwharf_model::catalogue::{BulletinInfo, Frame, Rejected};
use patchwharf_model::update::UpdateItem;

pub(crate) const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(crate) fn release() -> Release {
    let text = format!(
        "Origin: Example\nLabel: Example-Security\nSuite: stable-security\nCodename: bookworm-security\nVersion: 12\n\
         Date: Fri, 20 Nov 2026 00:12:41 UTC\nSHA256:\n {DIGEST} 0 main/binary-amd64/Packages\n"
    );
    Release::read("InRelease", text.as_bytes(), &Limits::default()).unwrap()
}

/// A stanza of a package; `more` are further lines.
pub(crate) fn stanza(name: &str, version: &str, more: &str) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\n{more}Description: about {name}\n\
         Filename: pool/{name}_{version}_amd64.deb\nSize: 1234\nSHA256: {DIGEST}\n\n"
    )
    .replace(&format!("_{version}_"), &format!("_{}_", version.replace(':', "%3a")))
}

#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) updates: Vec<UpdateItem>,
    pub(crate) bulletins: Vec<BulletinInfo>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) written: Written,
}

impl Read {
    pub(crate) fn update(&self, key: &str) -> &UpdateItem {
        self.updates.iter().find(|item| item.key == key).unwrap_or_else(|| panic!("no update {key}"))
    }

    pub(crate) fn bulletin(&self, key: &str) -> &BulletinInfo {
        self.bulletins.iter().find(|info| info.key == key).unwrap_or_else(|| panic!("no bulletin {key}"))
    }
}

pub(crate) fn read_as(
    packages: &[u8],
    compression: Compression,
    limits: &Limits,
    advisories: Option<&Advisories>,
) -> Result<Read, FeedError> {
    let mut catalogue = Catalogue::new(&release(), "https://deb.example.test/debian/", limits)?;
    catalogue.read_index("Packages", packages, compression)?;
    let mut frames = Vec::new();
    let written = catalogue.write(advisories, &["ABCD".into()], &mut |frame| {
        frames.push(frame);
        Ok(())
    })?;
    assert!(matches!(&frames[0], Frame::Head(head) if head.signed_by == ["ABCD"]));
    let mut read = Read { written, ..Read::default() };
    let last = frames.pop().unwrap();
    for frame in frames.into_iter().skip(1) {
        match frame {
            Frame::Update(item) => read.updates.push(*item),
            Frame::Bulletin(info) => read.bulletins.push(info),
            Frame::Rejected(rejected) => read.rejected.push(rejected),
            other => panic!("unexpected {other:?}"),
        }
    }
    let (updates, rejected) = (read.updates.len() as u64, read.rejected.len() as u64);
    assert_eq!(last, Frame::End { updates, rejected });
    assert_eq!((written.updates, written.rejected), (updates, rejected));
    for item in &read.updates {
        read.bulletin(&item.bulletin);
    }
    Ok(read)
}

pub(crate) fn read(packages: &str, advisories: Option<&Advisories>) -> Read {
    read_as(packages.as_bytes(), Compression::None, &Limits::default(), advisories).unwrap()
}
