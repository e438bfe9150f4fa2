//! Rules about files on the computer.

use serde::{Deserialize, Serialize};

use super::{Comparison, RegistryValue, Version};
use crate::Timestamp;

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileAddress {
    /// The folder that `path` starts from.
    #[serde(default, skip_serializing_if = "FileBase::is_none")]
    pub base: FileBase,
    /// Windows path, absolute where there is no base.
    pub path: String,
}

/// The folder that a path starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileBase {
    /// None: the path is absolute.
    #[default]
    None,
    /// A folder of `SHGetFolderPath`: 36 Windows, 37 System32, 38 Program Files, 41 SysWOW64, 42 Program Files (x86).
    Csidl(i32),
    /// The folder that a `REG_SZ` names (the `...PrependRegSz` rules).
    Registry(RegistryValue),
}

impl FileBase {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// `bar:FileExists`: there is such a file, and all that is given matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileExists {
    /// Where.
    pub file: FileAddress,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub modified: Option<Timestamp>,
    /// Its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The language of its version resource, as a Windows language id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<u16>,
}

/// `bar:FileVersion`. A missing file makes this and the three below false.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileVersion {
    /// Where.
    pub file: FileAddress,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub version: Version,
}

/// `bar:FileSize`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileSize {
    /// Where.
    pub file: FileAddress,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub size_bytes: u64,
}

/// `bar:FileCreated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileCreated {
    /// Where.
    pub file: FileAddress,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    #[schema(value_type = String)]
    pub created: Timestamp,
}

/// `bar:FileModified`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileModified {
    /// Where.
    pub file: FileAddress,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    #[schema(value_type = String)]
    pub modified: Timestamp,
}
