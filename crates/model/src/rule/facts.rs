//! What a computer knows of itself.

use super::{
    ClusterResourceOwner, FileAddress, GenericQuery, MetadataRule, RegistryKey, RegistryValue, RegistryValueType,
    Verdict, Version, WmiQuery,
};
use crate::Timestamp;

/// A fact; none where it is not known.
pub type Fact<T> = Option<T>;

/// Windows, as `RtlGetVersion` gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
    /// Build number.
    pub build: u32,
    /// Service pack.
    pub service_pack_major: u16,
    /// Minor number of the service pack.
    pub service_pack_minor: u16,
    /// Suites.
    pub suite_mask: u16,
    /// 1 workstation, 2 domain controller, 3 server.
    pub product_type: u16,
}

/// The processor, as `SYSTEM_INFO` gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// 0 x86, 5 ARM, 6 Itanium, 9 x64, 12 ARM64.
    pub architecture: u16,
    /// Level.
    pub level: u16,
    /// Revision.
    pub revision: u16,
}

/// A file that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was made.
    pub created: Fact<Timestamp>,
    /// When it was last changed.
    pub modified: Fact<Timestamp>,
    /// Its version; `Some(None)` where it has no version resource.
    pub version: Fact<Option<Version>>,
    /// The language of its version resource.
    pub language: Fact<Option<u16>>,
}

/// A registry value that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryData {
    /// `REG_SZ`.
    Sz(String),
    /// `REG_EXPAND_SZ`, as it is stored.
    ExpandSz(String),
    /// `REG_DWORD`.
    Dword(u32),
    /// Any other type.
    Other(RegistryValueType),
}

impl RegistryData {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> RegistryValueType {
        match self {
            Self::Sz(_) => RegistryValueType::Sz,
            Self::ExpandSz(_) => RegistryValueType::ExpandSz,
            Self::Dword(_) => RegistryValueType::Dword,
            Self::Other(kind) => *kind,
        }
    }
}

/// An installed product of Windows Installer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsiProduct {
    /// Its version.
    pub version: Fact<Version>,
    /// Its Windows language id.
    pub language: Fact<i32>,
}

/// What a computer knows of itself. Everything is unknown unless an implementation says otherwise; `Some(None)` means
/// that the thing is known not to exist. Keys are absolute: loops are resolved before a key is asked for.
#[expect(unused_variables, reason = "the names document the parameters of the default methods")]
pub trait Facts {
    /// Windows; `Some(None)` on another system.
    fn windows(&self) -> Fact<Option<Windows>> {
        None
    }
    /// The processor.
    fn processor(&self) -> Fact<Processor> {
        None
    }
    /// How many processors.
    fn number_of_processors(&self) -> Fact<u32> {
        None
    }
    /// `GetSystemMetrics`.
    fn system_metric(&self, index: i32) -> Fact<i32> {
        None
    }
    /// The language that Windows itself is in (BCP 47).
    fn windows_language(&self) -> Fact<String> {
        None
    }
    /// Languages of the Multilanguage User Interface; `Some(None)` where it is not installed.
    fn mui_languages(&self) -> Fact<Option<Vec<String>>> {
        None
    }
    /// Whether this computer is a node of a cluster.
    fn clustered(&self) -> Fact<bool> {
        None
    }
    /// Whether this node owns a cluster resource.
    fn owns_cluster_resource(&self, resource: &ClusterResourceOwner) -> Verdict {
        Verdict::Unknown
    }
    /// A file; `Some(None)` where there is none.
    fn file(&self, file: &FileAddress) -> Fact<Option<FileFacts>> {
        None
    }
    /// Whether a key exists.
    fn registry_key(&self, key: &RegistryKey) -> Fact<bool> {
        None
    }
    /// A value; `Some(None)` where there is none.
    fn registry_value(&self, value: &RegistryValue) -> Fact<Option<RegistryData>> {
        None
    }
    /// Names of the subkeys of a key; `Some(None)` where there is no such key.
    fn registry_subkeys(&self, key: &RegistryKey) -> Fact<Option<Vec<String>>> {
        None
    }
    /// Whether a query gives a row.
    fn wmi(&self, query: &WmiQuery) -> Verdict {
        Verdict::Unknown
    }
    /// Whether our history says that this update was installed before.
    fn installed_once(&self) -> Verdict {
        Verdict::Unknown
    }
    /// A vendor's own extension.
    fn generic(&self, query: &GenericQuery) -> Verdict {
        Verdict::Unknown
    }
    /// A product of Windows Installer; `Some(None)` where it is not installed.
    fn msi_product(&self, product: &str) -> Fact<Option<MsiProduct>> {
        None
    }
    /// Whether a patch is applied to a product.
    fn msi_patch(&self, product: &str, patch: &str) -> Verdict {
        Verdict::Unknown
    }
    /// Whether a feature of a product is installed.
    fn msi_feature(&self, product: &str, feature: &str) -> Verdict {
        Verdict::Unknown
    }
    /// Whether a component of a product is installed.
    fn msi_component(&self, product: &str, component: &str) -> Verdict {
        Verdict::Unknown
    }
    /// What the metadata of the item in question says.
    fn metadata(&self, rule: MetadataRule) -> Verdict {
        Verdict::Unknown
    }
}
