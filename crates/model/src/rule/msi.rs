//! Rules about Windows Installer, and the rules that ask an item's metadata.

use serde::{Deserialize, Serialize};

use super::Version;

/// Which versions and language of a product count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionRange {
    /// Lowest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Version>,
    /// Whether the lowest version itself does not count.
    #[serde(default)]
    pub exclude_min: bool,
    /// Highest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Version>,
    /// Whether the highest version itself does not count.
    #[serde(default)]
    pub exclude_max: bool,
    /// Windows language id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<i32>,
}

/// `msiar:MsiProductInstalled`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MsiProductInstalled {
    /// Product code, `{GUID}`.
    pub product: String,
    /// Which of its versions count.
    #[serde(flatten)]
    pub range: VersionRange,
}

/// `msiar:MsiPatchInstalledForProduct`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MsiPatchInstalled {
    /// Patch code, `{GUID}`.
    pub patch: String,
    /// Product code, `{GUID}`.
    pub product: String,
    /// Which of its versions count.
    #[serde(flatten)]
    pub range: VersionRange,
}

/// `msiar:MsiFeatureInstalledForProduct`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MsiFeatureInstalled {
    /// Names of features.
    pub features: Vec<String>,
    /// Product codes.
    pub products: Vec<String>,
    /// Whether all features are needed, or any.
    #[serde(default)]
    pub all_features: bool,
    /// Whether all products are needed, or any.
    #[serde(default)]
    pub all_products: bool,
}

/// `msiar:MsiComponentInstalledForProduct`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MsiComponentInstalled {
    /// Component codes.
    pub components: Vec<String>,
    /// Product codes.
    pub products: Vec<String>,
    /// Whether all components are needed, or any.
    #[serde(default)]
    pub all_components: bool,
    /// Whether all products are needed, or any.
    #[serde(default)]
    pub all_products: bool,
}

/// A rule without attributes: the item's own metadata says of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MetadataRule {
    /// `msiar:MsiPatchInstalled`.
    MsiPatchInstalled,
    /// `msiar:MsiPatchSuperseded`.
    MsiPatchSuperseded,
    /// `msiar:MsiPatchInstallable`.
    MsiPatchInstallable,
    /// `msiar:MsiApplicationInstalled`.
    MsiApplicationInstalled,
    /// `msiar:MsiApplicationSuperseded`.
    MsiApplicationSuperseded,
    /// `msiar:MsiApplicationInstallable`.
    MsiApplicationInstallable,
    /// `drv:WindowsDriverInstalled`.
    WindowsDriverInstalled,
    /// `drv:WindowsDriverSuperseded`.
    WindowsDriverSuperseded,
    /// `drv:WindowsDriverInstallable`.
    WindowsDriverInstallable,
}
