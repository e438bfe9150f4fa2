//! Applicability rules and their three-valued evaluation.
//!
//! The rules are those of WSUS's schemas `BaseApplicabilityRules.xsd`, `LogicalApplicabilityRules.xsd`,
//! `MsiApplicabilityRules.xsd` and `WindowsDriver.xsd`. What none of them names is kept as [`Rule::Unrecognised`] and
//! evaluates to [`Verdict::Unknown`]: a computer never installs by a rule that we did not understand.

mod comparison;
mod evaluate;
mod facts;
mod file;
mod markup;
mod msi;
mod registry;
mod system;
mod verdict;
mod version;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use comparison::{BadComparison, Comparison, StringComparison};
pub use facts::{Fact, Facts, FileFacts, MsiProduct, Processor as ProcessorFacts, RegistryData, Windows};
pub use file::{FileAddress, FileBase, FileCreated, FileExists, FileModified, FileSize, FileVersion};
pub use markup::Markup;
pub use msi::{
    MetadataRule, MsiComponentInstalled, MsiFeatureInstalled, MsiPatchInstalled, MsiProductInstalled, VersionRange,
};
pub use registry::{
    Hive, LoopLogic, RegistryDword, RegistryExpandString, RegistryKey, RegistryLoop, RegistryString,
    RegistryStringAsVersion, RegistryValue, RegistryValueExists, RegistryValueType,
};
pub use system::{
    ClusterResourceOwner, GenericQuery, LanguageInstalled, NumberOfProcessors, Processor, SystemMetric, WindowsVersion,
    WmiQuery,
};
pub use verdict::Verdict;
pub use version::{BadVersion, Version};

/// The deepest nesting of rules that is evaluated; below it all is [`Verdict::Unknown`]. The SDP reader refuses deeper
/// documents, and JSON this deep is refused by `serde_json` itself, so only rules made in code can meet it.
pub const MAX_DEPTH: usize = 64;

/// One applicability rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "rule", rename_all = "kebab-case")]
#[schema(no_recursion)]
pub enum Rule {
    /// `lar:True`: always true.
    True,
    /// `lar:False`: always false.
    False,
    /// `lar:And`: all hold.
    And {
        /// What must hold.
        rules: Vec<Rule>,
    },
    /// `lar:Or`: at least one holds.
    Or {
        /// What may hold.
        rules: Vec<Rule>,
    },
    /// `lar:Not`.
    Not {
        /// What must not hold.
        inner: Box<Rule>,
    },
    /// `bar:WindowsVersion`.
    WindowsVersion(WindowsVersion),
    /// `bar:Processor`.
    Processor(Processor),
    /// `bar:NumberOfProcessors`.
    NumberOfProcessors(NumberOfProcessors),
    /// `bar:SystemMetric`.
    SystemMetric(SystemMetric),
    /// `bar:WindowsLanguage`: Windows itself is in this language; false where the Multilanguage User Interface is installed.
    WindowsLanguage(LanguageInstalled),
    /// `bar:MuiInstalled`.
    MuiInstalled,
    /// `bar:MuiLanguageInstalled`: false where the Multilanguage User Interface is not installed.
    MuiLanguageInstalled(LanguageInstalled),
    /// `bar:ClusteredOS`.
    ClusteredOs,
    /// `bar:ClusterResourceOwner`.
    ClusterResourceOwner(ClusterResourceOwner),
    /// `bar:FileExists`, `bar:FileExistsPrependRegSz`.
    FileExists(FileExists),
    /// `bar:FileVersion`, `bar:FileVersionPrependRegSz`.
    FileVersion(FileVersion),
    /// `bar:FileSize`, `bar:FileSizePrependRegSz`.
    FileSize(FileSize),
    /// `bar:FileCreated`, `bar:FileCreatedPrependRegSz`.
    FileCreated(FileCreated),
    /// `bar:FileModified`, `bar:FileModifiedPrependRegSz`.
    FileModified(FileModified),
    /// `bar:RegKeyExists`.
    RegKeyExists(RegistryKey),
    /// `bar:RegValueExists`.
    RegValueExists(RegistryValueExists),
    /// `bar:RegDword`.
    RegDword(RegistryDword),
    /// `bar:RegSz`.
    RegSz(RegistryString),
    /// `bar:RegExpandSz`.
    RegExpandSz(RegistryExpandString),
    /// `bar:RegSzToVersion`.
    RegSzToVersion(RegistryStringAsVersion),
    /// `bar:RegKeyLoop`.
    RegKeyLoop(RegistryLoop),
    /// `bar:WmiQuery`.
    WmiQuery(WmiQuery),
    /// `bar:InstalledOnce`: our own history says that this update was installed before.
    InstalledOnce,
    /// `bar:GenericQuery`: a vendor's own extension.
    GenericQuery(GenericQuery),
    /// `msiar:MsiProductInstalled`.
    MsiProductInstalled(MsiProductInstalled),
    /// `msiar:MsiPatchInstalledForProduct`.
    MsiPatchInstalledForProduct(MsiPatchInstalled),
    /// `msiar:MsiFeatureInstalledForProduct`.
    MsiFeatureInstalledForProduct(MsiFeatureInstalled),
    /// `msiar:MsiComponentInstalledForProduct`.
    MsiComponentInstalledForProduct(MsiComponentInstalled),
    /// The nine rules that only ask what the item's metadata says (`msiar:MsiPatchInstalled`,
    /// `drv:WindowsDriverInstallable` ...).
    Metadata {
        /// Which.
        asks: MetadataRule,
    },
    /// A rule of a kind that we do not know, or one whose attributes do not follow its schema: kept as it was.
    Unrecognised(Markup),
}

impl Rule {
    /// How deep rules are nested here; 1 for a rule without rules in it.
    #[must_use]
    pub fn depth(&self) -> usize {
        1 + self.children().map(Self::depth).max().unwrap_or(0)
    }

    /// The rules directly in this one.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let (many, one) = match self {
            Self::And { rules } | Self::Or { rules } => (rules.as_slice(), None),
            Self::Not { inner } => (&[][..], Some(inner.as_ref())),
            Self::RegKeyLoop(each) => (&[][..], Some(each.inner.as_ref())),
            _ => (&[][..], None),
        };
        many.iter().chain(one)
    }
}
