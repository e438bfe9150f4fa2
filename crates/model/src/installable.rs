//! What a computer does with an update: installable items, their handlers and return codes.

use serde::{Deserialize, Serialize};

use crate::{
    FileName, Sha1, Sha256, Timestamp,
    rule::{Markup, Rule},
};

/// One installable item (SDP `InstallableItem`), usually one per language. All applicable items are installed.
///
/// A rule that is missing here counts as false, unlike those of [`crate::update::UpdateDetail`]; both are needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InstallableItem {
    /// Its GUID, lower case.
    pub id: String,
    /// Rule "is installed".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_installed: Option<Rule>,
    /// Rule "is superseded".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_superseded: Option<Rule>,
    /// Rule "is installable".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_installable: Option<Rule>,
    /// What the metadata rules ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Metadata>,
    /// How installing behaves; none where the catalogue does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<InstallProperties>,
    /// How uninstalling behaves; none where it cannot be uninstalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uninstall: Option<InstallProperties>,
    /// What runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<Handler>,
    /// The file that the handler needs, one of the update's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<OriginFile>,
    /// Languages of the binary (BCP 47); empty means neutral.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
}

/// What a catalogue says of a file beyond name, length, URL and the digest that pins it (SDP `OriginFile`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OriginFile {
    /// Its name, as in the update's files.
    pub name: FileName,
    /// When the vendor last changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub modified: Option<Timestamp>,
    /// SHA-1, the identity of files in this format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<Sha1>,
    /// SHA-256, where the catalogue gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

/// SDP `InstallProperties`, `UninstallProperties`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InstallProperties {
    /// It may ask the user something.
    #[serde(default)]
    pub can_request_user_input: bool,
    /// It needs a network.
    #[serde(default)]
    pub requires_network: bool,
    /// How much it disturbs.
    #[serde(default)]
    pub impact: Impact,
    /// Whether it restarts the computer.
    #[serde(default)]
    pub reboot: RebootBehavior,
}

/// How much installing disturbs (SDP `@Impact`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// As usual.
    #[default]
    Normal,
    /// Not to be noticed.
    Minor,
    /// It must be installed in a run of its own.
    RequiresExclusiveHandling,
}

/// Whether it restarts the computer (SDP `@RebootBehavior`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RebootBehavior {
    /// Never.
    NeverReboots,
    /// Always.
    AlwaysRequiresReboot,
    /// The installer's return code says.
    #[default]
    CanRequestReboot,
}

/// What runs (SDP `InstallHandlerSpecificData`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "handler", rename_all = "kebab-case")]
pub enum Handler {
    /// `cmd:CommandLineInstallerData`.
    CommandLine(CommandLine),
    /// `msi:MsiInstallerData`.
    Msi(Msi),
    /// `msp:MspInstallerData`.
    Msp(Msp),
    /// A handler that we do not know: kept as it was, never run.
    Unrecognised(Markup),
}

/// A program with arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommandLine {
    /// The program: a file of the package, possibly with a relative path.
    pub program: String,
    /// Its arguments, as one text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
    /// What a return code means that is not in the table.
    #[serde(default)]
    pub default_result: InstallResult,
    /// Whether a return code that is not in the table asks for a restart.
    #[serde(default)]
    pub reboot_by_default: bool,
    /// This package's own table; the same code means different things in different packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub return_codes: Vec<ReturnCode>,
    /// Where Windows Installer finds the program again when it repairs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repair_paths: Vec<RepairPath>,
}

impl CommandLine {
    /// What a return code means here, and whether it asks for a restart.
    #[must_use]
    pub fn meaning(&self, code: i32) -> (InstallResult, bool) {
        self.return_codes
            .iter()
            .find(|entry| entry.code == code)
            .map_or((self.default_result, self.reboot_by_default), |entry| (entry.result, entry.reboot))
    }
}

/// One line of a table of return codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReturnCode {
    /// The code, signed.
    pub code: i32,
    /// What it means.
    pub result: InstallResult,
    /// Whether it asks for a restart.
    #[serde(default)]
    pub reboot: bool,
    /// What the vendor says of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub descriptions: Vec<LocalizedText>,
}

/// A text in some languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LocalizedText {
    /// The languages that it is for (BCP 47).
    pub languages: Vec<String>,
    /// Its title, where it has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The text. Never markup.
    pub text: String,
}

/// How an installation ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstallResult {
    /// It failed.
    #[default]
    Failed,
    /// It succeeded.
    Succeeded,
    /// Someone broke it off.
    Cancelled,
}

/// `mspblob:RepairPath`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RepairPath {
    /// Product or patch code, `{GUID}`.
    pub target: String,
    /// Whether the code is a patch's.
    #[serde(default)]
    pub is_patch: bool,
    /// Path of the program.
    pub path: String,
}

/// Windows Installer, a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Msi {
    /// The `.msi` in the package, possibly with a relative path.
    pub file: String,
    /// Product code, `{GUID}`.
    pub product: String,
    /// Properties, `NAME=value ...`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command_line: String,
    /// Properties for uninstalling.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uninstall_command_line: String,
}

/// Windows Installer, a patch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Msp {
    /// The `.msp`, where the catalogue names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Patch code, `{GUID}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// Code of the companion full-file patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_file_patch: Option<String>,
    /// Properties, `NAME=value ...`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command_line: String,
    /// Properties for uninstalling.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uninstall_command_line: String,
}

/// What the metadata rules ask (SDP `ApplicabilityRules/Metadata`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "metadata", rename_all = "kebab-case")]
pub enum Metadata {
    /// `drv:WindowsDriverMetaData`.
    WindowsDriver(WindowsDriver),
    /// `msiar:MsiApplicationMetadata`.
    MsiApplication {
        /// Product code, `{GUID}`.
        product: String,
    },
    /// Anything else, `msiar:MsiPatchMetadata` with its applicability blob among it.
    Other(Markup),
}

/// `drv:WindowsDriverMetaData`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WindowsDriver {
    /// The device that it is for.
    pub hardware_id: String,
    /// Date of the driver, as the catalogue writes it.
    pub date: String,
    /// Version of the driver.
    pub version: String,
    /// Class, for example `Video`.
    pub class: String,
    /// Company.
    pub company: String,
    /// Provider.
    pub provider: String,
    /// Manufacturer.
    pub manufacturer: String,
    /// Model.
    pub model: String,
    /// Id in Windows Hardware Quality Labs.
    pub whql_id: u32,
    /// Other providers whose drivers it takes the place of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compatible_providers: Vec<String>,
}
