//! Catalogues in Microsoft's SDP format: V1 (one XML) and V2 (one `.sdp` per update and a manifest).

mod many;
mod xml;

use std::io;

use uuid::Uuid;

use crate::{
    Payload, Vendor,
    cab::{self, Method},
};

pub use many::{Many, update_number};
pub use xml::escape;

/// A catalogue: updates in order.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Its updates.
    pub updates: Vec<Update>,
}

/// One `SoftwareDistributionPackage`. Made by [`Update::new`], changed field by field.
#[derive(Clone, Debug)]
pub struct Update {
    /// PackageID.
    pub id: Uuid,
    /// CreationDate as it stands in the XML.
    pub created: String,
    /// VendorName.
    pub vendor: String,
    /// ProductName, any number.
    pub products: Vec<String>,
    /// PublicationState is `Expired`.
    pub expired: bool,
    /// UpdateType: `Software`, `Driver`, `Detectoid`.
    pub update_type: String,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// UpdateClassification.
    pub classification: String,
    /// MsrcSeverity.
    pub severity: Option<String>,
    /// SecurityBulletinID.
    pub bulletin: Option<String>,
    /// CveID, any number.
    pub cves: Vec<String>,
    /// KBArticleID.
    pub kb: Option<String>,
    /// SupersededPackages.
    pub supersedes: Vec<Uuid>,
    /// Prerequisites: AND of ORs.
    pub prerequisites: Vec<Vec<Uuid>>,
    /// XML inside IsInstallable, for example `<lar:True/>`; the prefixes are `lar`, `bar`, `msiar`.
    pub is_installable: Option<String>,
    /// XML inside IsInstalled.
    pub is_installed: Option<String>,
    /// Installable items.
    pub items: Vec<Item>,
}

/// One `InstallableItem` with its `OriginFile`.
#[derive(Clone, Debug)]
pub struct Item {
    /// FileName.
    pub name: String,
    /// Size.
    pub size_bytes: u64,
    /// Digest: SHA-1.
    pub sha1: [u8; 20],
    /// AdditionalDigest: SHA-256, where the vendor gives one.
    pub sha256: Option<[u8; 32]>,
    /// OriginUri; none: to be fetched by hand.
    pub url: Option<String>,
    /// Language, any number.
    pub languages: Vec<String>,
}

impl Item {
    /// An item that pins a payload by SHA-1 and SHA-256.
    #[must_use]
    pub fn new(payload: &Payload, url: Option<String>) -> Self {
        Self {
            name: payload.name.clone(),
            size_bytes: payload.size_bytes(),
            sha1: payload.sha1().0,
            sha256: Some(payload.sha256().0),
            url,
            languages: Vec::new(),
        }
    }

    /// The same, pinned by SHA-1 only, as HP did.
    #[must_use]
    pub fn sha1_only(mut self) -> Self {
        self.sha256 = None;
        self
    }
}

impl Update {
    /// An important security update in this bulletin, without files. The number makes its PackageID.
    #[must_use]
    pub fn new(number: u64, bulletin: &str) -> Self {
        Self {
            id: update_number(number),
            created: "2026-11-01T08:00:00Z".into(),
            vendor: "Example Corp".into(),
            products: vec!["Example Suite".into()],
            expired: false,
            update_type: "Software".into(),
            title: format!("Example update {number}"),
            description: format!("Update {number} closes a hole & mends <things>."),
            classification: "Security Updates".into(),
            severity: Some("Important".into()),
            bulletin: Some(bulletin.to_owned()),
            cves: vec![format!("CVE-2026-{number:04}")],
            kb: Some(format!("KB{number}")),
            supersedes: Vec::new(),
            prerequisites: Vec::new(),
            is_installable: Some("<bar:Processor Architecture=\"9\"/>".into()),
            is_installed: None,
            items: Vec::new(),
        }
    }

    /// With a file that this vendor publishes under `/files/<name>`.
    #[must_use]
    pub fn payload(mut self, vendor: &Vendor, payload: &Payload) -> Self {
        let path = format!("/files/{}", payload.name);
        vendor.publish(&path, payload);
        self.items.push(Item::new(payload, Some(vendor.url(&path))));
        self
    }

    /// With an item as given.
    #[must_use]
    pub fn item(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// With another author time: a later one is a new revision.
    #[must_use]
    pub fn created(mut self, time: &str) -> Self {
        self.created = time.to_owned();
        self
    }

    /// Superseding the updates with these numbers.
    #[must_use]
    pub fn supersedes(mut self, numbers: impl IntoIterator<Item = u64>) -> Self {
        self.supersedes.extend(numbers.into_iter().map(update_number));
        self
    }
}

impl Catalogue {
    /// A catalogue of these updates.
    pub fn new(updates: impl IntoIterator<Item = Update>) -> Self {
        Self { updates: updates.into_iter().collect() }
    }

    /// V1: the bare XML, with a byte order mark as real ones have.
    #[must_use]
    pub fn v1_xml(&self) -> Vec<u8> {
        let mut out = Vec::new();
        xml::catalogue(&mut out, &mut self.updates.iter().cloned()).expect("memory");
        out
    }

    /// V1 in a cabinet.
    #[must_use]
    pub fn v1_cab(&self, method: Method) -> Vec<u8> {
        cab::cabinet(method, &[("Example.xml", &self.v1_xml())])
    }

    /// V2: `V2/<PackageID>.sdp` and `update_manifest.json` in a cabinet.
    #[must_use]
    pub fn v2_cab(&self, method: Method) -> Vec<u8> {
        let mut manifest = serde_json::Map::new();
        let mut files = Vec::new();
        for update in &self.updates {
            manifest.insert(update.id.to_string(), update.created.clone().into());
            let mut out = Vec::new();
            xml::single(&mut out, update).expect("memory");
            files.push((format!("V2/{}.sdp", update.id), out));
        }
        files.push(("update_manifest.json".into(), serde_json::to_vec(&manifest).expect("JSON")));
        let files: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
        cab::cabinet(method, &files)
    }

    /// Writes V1 XML of any number of updates, one at a time.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write_v1(out: &mut dyn io::Write, updates: &mut dyn Iterator<Item = Update>) -> io::Result<()> {
        xml::catalogue(out, updates)
    }
}

#[cfg(test)]
mod tests;
