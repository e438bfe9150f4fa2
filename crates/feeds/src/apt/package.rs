//! One entry of a `Packages` index as an update.

use debversion::Version;
use patchwharf_model::{
    FileName, Severity, Timestamp,
    update::{PayloadFile, PublicationState, UpdateDetail, UpdateItem, UpdateType, VendorDigest},
};

use super::{deb822::Stanza, path};
use crate::Limits;

/// The longest version that is read; comparing is not linear in it.
const MAX_VERSION_BYTES: usize = 256;

/// Fields that the agent needs to judge and install a package, kept as they are.
const KEPT: [&str; 16] = [
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Conflicts",
    "Breaks",
    "Replaces",
    "Provides",
    "Essential",
    "Protected",
    "Multi-Arch",
    "Section",
    "Priority",
    "Installed-Size",
    "Maintainer",
    "Source",
    "Description-md5",
];

/// A binary package of an index.
#[derive(Debug)]
pub(super) struct Package {
    pub item: UpdateItem,
    pub version: Version,
    pub source: String,
    pub source_version: Version,
    pub summary: String,
}

/// What all packages of one archive have in common.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    /// Its address, without a slash at the end.
    pub base_url: String,
    pub vendor: String,
    pub product: String,
    pub classification: &'static str,
    pub limits: &'a Limits,
}

/// Reads a version by dpkg's rules.
pub(crate) fn version(text: &str) -> Result<Version, String> {
    if text.len() > MAX_VERSION_BYTES {
        return Err(format!("its version is longer than {MAX_VERSION_BYTES} bytes"));
    }
    // Policy 5.6.12: it begins with a digit; dpkg takes letters too, but nothing else.
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(format!("{text:?} is no version"));
    }
    text.parse().map_err(|_| format!("{text:?} is no version"))
}

impl Archive<'_> {
    /// The package that `stanza` describes, or why it is refused.
    pub(super) fn package(&self, stanza: &Stanza) -> Result<Package, String> {
        if let Some(fault) = &stanza.fault {
            return Err(fault.clone());
        }
        let need = |name: &str| stanza.get(name).filter(|v| !v.is_empty()).ok_or_else(|| format!("it has no {name}"));
        let name = need("Package")?;
        let architecture = need("Architecture")?;
        let version_text = need("Version")?;
        if !is_name(name) || !is_name(architecture) {
            return Err(format!("{name:?} for {architecture:?} is no name of a package"));
        }
        let version_read = version(version_text)?;
        let (source, source_version) = match stanza.get("Source") {
            None => (name.to_owned(), version_read.clone()),
            Some(source) => match source.split_once(" (") {
                None => (source.to_owned(), version_read.clone()),
                Some((source, rest)) => {
                    let inner = rest.strip_suffix(')').ok_or_else(|| format!("Source {source:?} is broken"))?;
                    (source.to_owned(), version(inner)?)
                }
            },
        };
        if !is_name(&source) {
            return Err(format!("{source:?} is no name of a source package"));
        }
        let description = stanza.get("Description").unwrap_or_default();
        let homepage = stanza.get("Homepage").filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        let mut detail = UpdateDetail::default();
        for name in KEPT {
            if let Some(value) = stanza.get(name) {
                detail.extra.insert(name.to_ascii_lowercase(), value.to_owned());
            }
        }
        let item = UpdateItem {
            key: format!("{name}:{architecture}"),
            bulletin: format!("{source}_{source_version}"),
            // Archives give no time per package; the date of the whole would make every entry new each day.
            revised: Timestamp::UNIX_EPOCH,
            vendor: self.vendor.clone(),
            products: vec![self.product.clone()],
            update_type: UpdateType::Software,
            publication: PublicationState::Published,
            title: format!("{name} {version_text}"),
            description: description.to_owned(),
            classification: self.classification.to_owned(),
            severity: Severity::NotRated,
            cves: Vec::new(),
            kbs: Vec::new(),
            urls: homepage.map(str::to_owned).into_iter().collect(),
            architecture: architecture.to_owned(),
            version: version_text.to_owned(),
            files: vec![self.file(stanza)?],
            supersedes: Vec::new(),
            detail,
        };
        let summary = description.lines().next().unwrap_or_default().to_owned();
        Ok(Package { item, version: version_read, source, source_version, summary })
    }

    fn file(&self, stanza: &Stanza) -> Result<PayloadFile, String> {
        let need = |name: &str| stanza.get(name).filter(|v| !v.is_empty()).ok_or_else(|| format!("it has no {name}"));
        let path = need("Filename")?;
        // Flat archives write `./name`.
        let path = path.strip_prefix("./").unwrap_or(path);
        if let Some(reason) = path::refusal(path) {
            return Err(format!("Filename {path:?} is refused: {reason}"));
        }
        let last = path.rsplit('/').next().unwrap_or(path);
        let name = FileName::new(last).map_err(|error| error.to_string())?;
        let size = need("Size")?;
        let size_bytes: u64 = size.parse().map_err(|_| format!("{size:?} is no size"))?;
        if size_bytes > self.limits.payload_bytes {
            return Err(format!("its file has {size_bytes} bytes; {} are allowed", self.limits.payload_bytes));
        }
        let digest = need("SHA256")?.parse().map_err(|error| format!("SHA256: {error}"))?;
        Ok(PayloadFile {
            name,
            size_bytes,
            digest: VendorDigest::Sha256(digest),
            url: Some(path::address(&self.base_url, path)),
            languages: Vec::new(),
        })
    }
}

/// Policy 5.6.1, with room for what third parties write.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
    name.len() <= 200 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(fits)
}
