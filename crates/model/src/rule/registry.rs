//! Rules about the registry.

use serde::{Deserialize, Serialize};

use super::{Comparison, Rule, StringComparison, Version};

/// The root that a key lies under (`bt:RegistryKey`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hive {
    /// `HKEY_LOCAL_MACHINE`.
    #[default]
    LocalMachine,
    /// `HKEY_LOOP_TARGET`: the key at which the loop around this rule stands.
    LoopTarget,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RegistryKey {
    /// Where it lies.
    #[serde(default)]
    pub hive: Hive,
    /// Path under it.
    pub subkey: String,
    /// Whether the 32-bit view is meant (`RegType32`).
    #[serde(default)]
    pub view32: bool,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RegistryValue {
    /// Its key.
    pub key: RegistryKey,
    /// Its name; empty for the default value.
    pub value: String,
}

/// The type of a value (`bt:RegistryValueType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryValueType {
    /// `REG_BINARY`.
    Binary,
    /// `REG_DWORD`.
    Dword,
    /// `REG_EXPAND_SZ`.
    ExpandSz,
    /// `REG_MULTI_SZ`.
    MultiSz,
    /// `REG_QWORD`.
    Qword,
    /// `REG_SZ`.
    Sz,
    /// `REG_FULL_RESOURCE_DESCRIPTOR`.
    FullResourceDescriptor,
}

/// `bar:RegValueExists`. Without a value the default value is meant, which must be a `REG_SZ`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RegistryValueExists {
    /// The key.
    pub key: RegistryKey,
    /// The value's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The type that it must have.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<RegistryValueType>,
}

/// `bar:RegDword`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RegistryDword {
    /// Which value.
    pub value: RegistryValue,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub data: u32,
}

/// `bar:RegSz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RegistryString {
    /// Which value.
    pub value: RegistryValue,
    /// How it is compared.
    pub comparison: StringComparison,
    /// With what.
    pub data: String,
}

/// `bar:RegExpandSz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RegistryExpandString {
    /// Which value.
    pub value: RegistryValue,
    /// How it is compared.
    pub comparison: StringComparison,
    /// With what.
    pub data: String,
}

/// `bar:RegSzToVersion`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RegistryStringAsVersion {
    /// Which value.
    pub value: RegistryValue,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub data: Version,
}

/// Which of a loop's verdicts make it true (`bt:LoopLogic`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoopLogic {
    /// At least one subkey satisfies the rule.
    Any,
    /// Every subkey does.
    All,
    /// No subkey does.
    None,
}

/// `bar:RegKeyLoop`: a rule evaluated at every subkey of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(no_recursion)]
pub struct RegistryLoop {
    /// The key whose subkeys are gone through.
    pub key: RegistryKey,
    /// What makes the loop true.
    pub true_if: LoopLogic,
    /// The rule, in which [`Hive::LoopTarget`] is the subkey.
    pub inner: Box<Rule>,
}
