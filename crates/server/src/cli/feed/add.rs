//! `patchwharf feed add ...`

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use patchwharf_model::api::{AptSource, FeedCreate, FeedSource, SdpSource};

use super::{AfterImport, Rules};

/// Add a feed.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Add {
    /// A System Center catalogue (SDP): a .cab or .xml by URL, or a path on the server.
    #[command(after_help = "\
Example: HP's catalogue, only BIOS and firmware of one family, staged after each import:
  patchwharf feed add sdp https://hpia.hpcloud.hp.com/downloads/sccmcatalog/HpCatalogForSms.latest.cab \\
      --name hp --include 'product=*EliteBook 840*' --include 'name=*BIOS*' --stage-automatically --every 1440")]
    Sdp {
        /// URL or path.
        url: String,
        /// Base URL of a mirror of the payload files, tried first; may be given several times.
        #[arg(long = "mirror", value_name = "URL")]
        mirrors: Vec<String>,
        #[command(flatten)]
        feed: NewFeed,
    },
    /// A signed apt repository.
    #[command(after_help = "\
Example: Debian's security archive, bulletins named by DSA:
  patchwharf feed add apt http://security.debian.org/debian-security --suite bookworm-security --arch amd64 \\
      --keyring /usr/share/keyrings/debian-archive-keyring.gpg \\
      --advisories https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DSA/list")]
    Apt {
        /// URL of the folder that holds `dists`, or its path on the server.
        url: String,
        /// Suite, for example bookworm-security.
        #[arg(long)]
        suite: String,
        /// Component; may be given several times.
        #[arg(long = "component", value_name = "COMPONENT", default_value = "main")]
        components: Vec<String>,
        /// Architecture; may be given several times.
        #[arg(long = "arch", value_name = "ARCHITECTURE", required = true)]
        architectures: Vec<String>,
        /// OpenPGP keyring that proves the repository; it is kept with the feed.
        #[arg(long)]
        keyring: Utf8PathBuf,
        /// Fingerprint of the primary key that must have signed, where the keyring holds others too.
        #[arg(long = "key", value_name = "FINGERPRINT")]
        keys: Vec<String>,
        /// Debian DSA list or OSV zip, URL or path on the server: names bulletins DSA-NNNN with their CVEs.
        #[arg(long, value_name = "URL-OR-PATH")]
        advisories: Option<String>,
        /// Base URL of a mirror with the same layout, tried first; may be given several times.
        #[arg(long = "mirror", value_name = "URL")]
        mirrors: Vec<String>,
        #[command(flatten)]
        feed: NewFeed,
    },
}

/// What every new feed has.
#[derive(Debug, Args)]
pub(in crate::cli) struct NewFeed {
    /// Name of the feed [default: made from the URL].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    after: AfterImport,
    /// Import every so many minutes.
    #[arg(long, value_name = "MINUTES")]
    every: Option<u32>,
    /// Let packages that the vendor pins by SHA-1 only be offered to computers (audited).
    #[arg(long)]
    accept_sha1: bool,
    /// Trust only the certificate authorities of this PEM file for the feed's hosts, not those of the machine (audited).
    #[arg(long, value_name = "FILE")]
    ca: Option<Utf8PathBuf>,
}

impl Add {
    pub(super) fn feed(self) -> Result<FeedCreate> {
        let (source, feed) = match self {
            Self::Sdp { url, mirrors, feed } => (FeedSource::Sdp(SdpSource { url: located(&url)?, mirrors }), feed),
            Self::Apt { url, suite, components, architectures, keyring, keys, advisories, mirrors, feed } => {
                let source = AptSource {
                    url: located(&url)?,
                    suite,
                    components,
                    architectures,
                    keyring: read_keyring(&keyring)?,
                    keys,
                    advisories: advisories.map(|place| located(&place)).transpose()?,
                    mirrors,
                };
                (FeedSource::Apt(source), feed)
            }
        };
        let name = feed.name.unwrap_or_else(|| name_of(&source));
        Ok(FeedCreate {
            name,
            source,
            rules: feed.rules.given().unwrap_or_default(),
            auto_stage: feed.after.rules(),
            accept_sha1: feed.accept_sha1,
            ca: feed.ca.as_deref().map(read_authorities).transpose()?,
            schedule_minutes: feed.every,
        })
    }
}

/// The keyring as the API takes it.
pub(crate) fn read_keyring(path: &Utf8Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the keyring {path}"))?;
    Ok(STANDARD.encode(bytes))
}

/// The certificates as the API takes them.
pub(super) fn read_authorities(path: &Utf8Path) -> Result<String> {
    let text = std::fs::read_to_string(path);
    text.with_context(|| format!("cannot read the certificate authorities in {path}; they must be PEM"))
}

/// URLs as they are; relative paths made absolute, for the server stands elsewhere.
fn located(place: &str) -> Result<String> {
    if place.contains("://") {
        return Ok(place.to_owned());
    }
    let path = Utf8Path::new(place);
    match path.canonicalize_utf8() {
        Ok(path) => Ok(path.into_string()),
        // It may be there for the server and not for us.
        Err(_) if path.is_absolute() => Ok(place.to_owned()),
        Err(error) => Err(error).with_context(|| format!("{place} is neither a URL nor a file here")),
    }
}

fn name_of(source: &FeedSource) -> String {
    match source {
        FeedSource::Apt(source) => source.suite.clone(),
        FeedSource::Sdp(source) => {
            let last = source.url.rsplit('/').find(|part| !part.is_empty()).unwrap_or("sdp");
            last.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("sdp").to_owned()
        }
    }
}
