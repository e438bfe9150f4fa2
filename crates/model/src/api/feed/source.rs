//! Where a feed comes from and how it is proved.

use serde::{Deserialize, Serialize};

/// Where a feed comes from, by its format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FeedSource {
    /// A catalogue of Software Distribution Packages.
    Sdp(SdpSource),
    /// A signed apt repository.
    Apt(AptSource),
}

impl FeedSource {
    /// The stable name of the format: `sdp` or `apt`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sdp(_) => "sdp",
            Self::Apt(_) => "apt",
        }
    }

    /// The URL or path of the catalogue.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Sdp(source) => &source.url,
            Self::Apt(source) => &source.url,
        }
    }

    /// The same without what a list need not show: the keyring.
    #[must_use]
    pub fn without_keyring(mut self) -> Self {
        if let Self::Apt(source) = &mut self {
            source.keyring = String::new();
        }
        self
    }
}

/// An SDP catalogue: CAB or XML (System Center Updates Publisher, V1 and V2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SdpSource {
    /// `http`, `https` or a path on the server: a `.cab` or `.xml`.
    pub url: String,
    /// Base URLs that hold the payload files under the path that the catalogue's URLs have; tried first, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
}

/// A signed apt repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AptSource {
    /// `http`, `https` or a path on the server: the folder that holds `dists`.
    pub url: String,
    /// The suite, for example `bookworm-security`.
    pub suite: String,
    /// Components, for example `main`.
    pub components: Vec<String>,
    /// Architectures, for example `amd64`.
    pub architectures: Vec<String>,
    /// The OpenPGP keyring that proves it, binary or armoured, as base64. Left out of answers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keyring: String,
    /// Fingerprints of primary keys of the keyring, one of which must have signed; empty: any of the keyring.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Debian DSA list or OSV zip, URL or path on the server, that names and ranks bulletins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories: Option<String>,
    /// Base URLs of mirrors with the same layout; tried first, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
}
