//! Rules about Windows and the machine.

use serde::{Deserialize, Serialize};

use super::{Comparison, RegistryValue};

/// `bar:WindowsVersion`. The comparison is of the numbers that are given, gravest first; a number that is not given is
/// not compared. So `EqualTo` 10.0 holds on Windows 10, 11 and their servers alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WindowsVersion {
    /// How the numbers are compared.
    #[serde(default)]
    pub comparison: Comparison,
    /// Major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
    /// Minor version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<u32>,
    /// Build number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<u32>,
    /// Service pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_pack_major: Option<u16>,
    /// Minor number of the service pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_pack_minor: Option<u16>,
    /// Whether all bits of the suite mask must be set, or any.
    #[serde(default)]
    pub all_suites: bool,
    /// Suites, as `OSVERSIONINFOEX.wSuiteMask`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite_mask: Option<u16>,
    /// 1 workstation, 2 domain controller, 3 server; always compared for equality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_type: Option<u16>,
}

/// `bar:Processor`, as `SYSTEM_INFO`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Processor {
    /// 0 x86, 5 ARM, 6 Itanium, 9 x64, 12 ARM64.
    pub architecture: u16,
    /// Level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u16>,
    /// Revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
}

/// `bar:NumberOfProcessors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NumberOfProcessors {
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub number: u32,
}

/// `bar:SystemMetric`, as `GetSystemMetrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SystemMetric {
    /// How it is compared.
    pub comparison: Comparison,
    /// Which metric.
    pub index: i32,
    /// With what.
    pub value: i32,
}

/// The language that `bar:WindowsLanguage` and `bar:MuiLanguageInstalled` name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LanguageInstalled {
    /// BCP 47, for example `en` or `pt-BR`; `en` stands for every English.
    pub language: String,
}

/// `bar:ClusterResourceOwner`: this computer owns the cluster resource whose name stands in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClusterResourceOwner {
    /// Where the name stands.
    pub value: RegistryValue,
    /// Put before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Put after it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
}

/// `bar:WmiQuery`: the query gives at least one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WmiQuery {
    /// WMI namespace; `root\cimv2` where the vendor names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The query in WQL. It comes from the vendor: the agent decides what it runs.
    pub query: String,
}

/// `bar:GenericQuery`: a vendor's own extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GenericQuery {
    /// Whose.
    pub namespace: String,
    /// Which.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of what.
    pub parameter: String,
    /// How the answer is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
