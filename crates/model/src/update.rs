//! A software update as a vendor's catalogue describes it.

use serde::{Deserialize, Serialize};

use crate::{
    FileName, Severity, Sha1, Sha256, Timestamp,
    installable::{InstallableItem, LocalizedText},
    rule::Rule,
};

/// What kind of thing a catalogue entry is (SDP `Properties/@UpdateType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateType {
    /// Software to install.
    #[default]
    Software,
    /// A device driver.
    Driver,
    /// Shared rules only; nothing to deploy.
    Detectoid,
}

/// Whether the vendor still publishes an update (SDP `Properties/@PublicationState`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PublicationState {
    /// Published.
    #[default]
    Published,
    /// Withdrawn by the vendor: no longer offered.
    Expired,
}

/// The digest by which a vendor pins a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VendorDigest {
    /// A SHA-256 digest: full proof.
    Sha256(Sha256),
    /// Only a SHA-1 digest: enough to stage, weak.
    Sha1(Sha1),
}

/// One file that an update needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PayloadFile {
    /// Its name on disk and in URLs.
    pub name: FileName,
    /// Its length in bytes, as the vendor pins it.
    pub size_bytes: u64,
    /// The vendor's digest: SHA-256 where the catalogue has one, else SHA-1.
    pub digest: VendorDigest,
    /// Where the vendor publishes it. None: a person must fetch it (`package supply`).
    pub url: Option<String>,
    /// The language of the binary (BCP 47); empty means neutral.
    #[serde(default)]
    pub languages: Vec<String>,
}

/// A catalogue entry, complete: what `parse-feed` hands over for each update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateItem {
    /// The vendor's identity of the update, unique within the feed: SDP PackageID (lower case), apt `name:arch`.
    pub key: String,
    /// The bulletin that it belongs to, unique within the feed.
    pub bulletin: String,
    /// A newer revision of the same key has a later time. `Timestamp::UNIX_EPOCH` where the vendor gives none (apt
    /// without an advisory): the time of the import that saw it first stands in.
    pub revised: Timestamp,
    /// Vendor or publisher.
    pub vendor: String,
    /// Product names.
    pub products: Vec<String>,
    /// What it is.
    pub update_type: UpdateType,
    /// Whether it is still published.
    pub publication: PublicationState,
    /// Title, in the catalogue's first language.
    pub title: String,
    /// Description, in the catalogue's first language. Text, never markup.
    pub description: String,
    /// Classification, for example `Security Updates`.
    pub classification: String,
    /// Vendor severity.
    pub severity: Severity,
    /// CVE names.
    pub cves: Vec<String>,
    /// Knowledge-base articles.
    pub kbs: Vec<String>,
    /// Where to read more.
    pub urls: Vec<String>,
    /// The architecture, where the feed names it (`amd64`, `x64`); empty means any or unknown.
    pub architecture: String,
    /// The version that this update brings, where the feed names it.
    pub version: String,
    /// Files of the package.
    pub files: Vec<PayloadFile>,
    /// Keys of updates that this one supersedes; they need not exist in the feed.
    pub supersedes: Vec<String>,
    /// Everything the agent needs: rules, prerequisites, install handlers. Opaque to the database.
    pub detail: UpdateDetail,
}

/// The part of an update that only computers evaluate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UpdateDetail {
    /// Package-level rule "is installable" (missing counts as true).
    pub is_installable: Option<Rule>,
    /// Package-level rule "is installed".
    pub is_installed: Option<Rule>,
    /// Prerequisites as AND of ORs of update keys.
    pub prerequisites: Vec<Vec<String>>,
    /// Keys of bundled updates.
    pub bundled: Vec<String>,
    /// Installable items; all applicable ones are installed.
    pub items: Vec<InstallableItem>,
    /// Title and description in further languages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub localized: Vec<LocalizedText>,
    /// Whatever the feed says that has no place of its own, by its name in the feed's format.
    pub extra: std::collections::BTreeMap<String, String>,
}
