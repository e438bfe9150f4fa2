//! Applicability rules. One that does not follow its schema is kept as it is, and unknown; it costs nothing else.

use patchwharf_model::{
    Timestamp,
    rule::{
        ClusterResourceOwner, FileAddress, FileBase, FileCreated, FileExists, FileModified, FileSize, FileVersion,
        GenericQuery, Hive, LanguageInstalled, LoopLogic, MetadataRule, MsiComponentInstalled, MsiFeatureInstalled,
        MsiPatchInstalled, MsiProductInstalled, NumberOfProcessors, Processor, RegistryDword, RegistryExpandString,
        RegistryKey, RegistryLoop, RegistryString, RegistryStringAsVersion, RegistryValue, RegistryValueExists,
        RegistryValueType, Rule, SystemMetric, VersionRange, WindowsVersion, WmiQuery,
    },
};

use super::{
    element::{BadPackage, Element},
    namespace::Namespace::{Bar, Drv, Lar, Msiar, Sdp},
    value,
};

/// The rule in `IsInstalled` and its like; none where it is missing or empty.
pub(super) fn of(parent: &Element, name: &str) -> Result<Option<Rule>, BadPackage> {
    let Some(holder) = parent.first(&Sdp, name) else { return Ok(None) };
    match holder.children.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(rule(only))),
        _ => Err(BadPackage(format!("{name} has more than one rule in it"))),
    }
}

fn rule(e: &Element) -> Rule {
    let known = match e.namespace {
        Lar => logical(e),
        Bar if e.name.starts_with("File") => file(e),
        Bar => base(e),
        Msiar => installer(e),
        Drv => metadata(e),
        _ => Err(unknown(e)),
    };
    known.unwrap_or_else(|_| Rule::Unrecognised(e.markup()))
}

fn rules(e: &Element) -> Result<Vec<Rule>, BadPackage> {
    if e.children.is_empty() { Err(unknown(e)) } else { Ok(e.children.iter().map(rule).collect()) }
}

fn only(e: &Element) -> Result<Box<Rule>, BadPackage> {
    match e.children.as_slice() {
        [child] => Ok(Box::new(rule(child))),
        _ => Err(unknown(e)),
    }
}

fn logical(e: &Element) -> Result<Rule, BadPackage> {
    Ok(match &*e.name {
        "True" => Rule::True,
        "False" => Rule::False,
        "And" => Rule::And { rules: rules(e)? },
        "Or" => Rule::Or { rules: rules(e)? },
        "Not" => Rule::Not { inner: only(e)? },
        _ => return Err(unknown(e)),
    })
}

fn base(e: &Element) -> Result<Rule, BadPackage> {
    Ok(match &*e.name {
        "WindowsVersion" => Rule::WindowsVersion(WindowsVersion {
            comparison: e.parsed("Comparison")?.unwrap_or_default(),
            major: e.parsed("MajorVersion")?,
            minor: e.parsed("MinorVersion")?,
            build: e.parsed("BuildNumber")?,
            service_pack_major: e.parsed("ServicePackMajor")?,
            service_pack_minor: e.parsed("ServicePackMinor")?,
            all_suites: e.flag("AllSuitesMustBePresent")?,
            suite_mask: e.parsed("SuiteMask")?,
            product_type: e.parsed("ProductType")?,
        }),
        "Processor" => Rule::Processor(Processor {
            architecture: e.needed("Architecture")?,
            level: e.parsed("Level")?,
            revision: e.parsed("Revision")?,
        }),
        "NumberOfProcessors" => Rule::NumberOfProcessors(NumberOfProcessors {
            comparison: e.needed("Comparison")?,
            number: e.needed("Number")?,
        }),
        "SystemMetric" => Rule::SystemMetric(SystemMetric {
            comparison: e.needed("Comparison")?,
            index: e.needed("Index")?,
            value: e.needed("Value")?,
        }),
        "WindowsLanguage" => Rule::WindowsLanguage(LanguageInstalled { language: e.needed("Language")? }),
        "MuiInstalled" => Rule::MuiInstalled,
        "MuiLanguageInstalled" => Rule::MuiLanguageInstalled(LanguageInstalled { language: e.needed("Language")? }),
        "ClusteredOS" => Rule::ClusteredOs,
        "ClusterResourceOwner" => Rule::ClusterResourceOwner(ClusterResourceOwner {
            value: registry_value(e)?,
            prefix: e.owned("Prefix"),
            suffix: e.owned("Suffix"),
        }),
        "RegKeyExists" => Rule::RegKeyExists(registry_key(e)?),
        "RegValueExists" => Rule::RegValueExists(RegistryValueExists {
            key: registry_key(e)?,
            value: e.parsed("Value")?,
            kind: e.attribute("Type").map(|text| registry_type(text).ok_or_else(|| unknown(e))).transpose()?,
        }),
        "RegDword" => Rule::RegDword(RegistryDword {
            value: registry_value(e)?,
            comparison: e.needed("Comparison")?,
            data: e.needed("Data")?,
        }),
        "RegSz" => Rule::RegSz(RegistryString {
            value: registry_value(e)?,
            comparison: e.needed("Comparison")?,
            data: e.string("Data")?,
        }),
        "RegExpandSz" => Rule::RegExpandSz(RegistryExpandString {
            value: registry_value(e)?,
            comparison: e.needed("Comparison")?,
            data: e.string("Data")?,
        }),
        "RegSzToVersion" => Rule::RegSzToVersion(RegistryStringAsVersion {
            value: registry_value(e)?,
            comparison: e.needed("Comparison")?,
            data: e.needed("Data")?,
        }),
        "RegKeyLoop" => Rule::RegKeyLoop(RegistryLoop {
            key: registry_key(e)?,
            true_if: match e.required("TrueIf")? {
                "Any" => LoopLogic::Any,
                "All" => LoopLogic::All,
                "None" => LoopLogic::None,
                _ => return Err(unknown(e)),
            },
            inner: only(e)?,
        }),
        "WmiQuery" => Rule::WmiQuery(WmiQuery { namespace: e.parsed("Namespace")?, query: e.string("WqlQuery")? }),
        "InstalledOnce" => Rule::InstalledOnce,
        "GenericQuery" => Rule::GenericQuery(GenericQuery {
            namespace: e.needed("Namespace")?,
            kind: e.needed("Type")?,
            parameter: e.string("Parameter")?,
            comparison: e.parsed("Comparison")?,
            value: e.parsed("Value")?,
        }),
        _ => return Err(unknown(e)),
    })
}

/// The five rules about files, each with a sibling that takes the folder from the registry.
fn file(e: &Element) -> Result<Rule, BadPackage> {
    let (name, base) = match e.name.strip_suffix("PrependRegSz") {
        Some(name) => (name, FileBase::Registry(registry_value(e)?)),
        None => (&*e.name, e.parsed("Csidl")?.map_or(FileBase::None, FileBase::Csidl)),
    };
    let file = FileAddress { base, path: e.string("Path")? };
    Ok(match name {
        "FileExists" => Rule::FileExists(FileExists {
            file,
            version: e.parsed("Version")?,
            created: time(e, "Created")?,
            modified: time(e, "Modified")?,
            size_bytes: e.parsed("Size")?,
            language: e.parsed("Language")?,
        }),
        "FileVersion" => {
            Rule::FileVersion(FileVersion { file, comparison: e.needed("Comparison")?, version: e.needed("Version")? })
        }
        "FileSize" => {
            Rule::FileSize(FileSize { file, comparison: e.needed("Comparison")?, size_bytes: e.needed("Size")? })
        }
        "FileCreated" => Rule::FileCreated(FileCreated {
            file,
            comparison: e.needed("Comparison")?,
            created: time(e, "Created")?.ok_or_else(|| unknown(e))?,
        }),
        "FileModified" => Rule::FileModified(FileModified {
            file,
            comparison: e.needed("Comparison")?,
            modified: time(e, "Modified")?.ok_or_else(|| unknown(e))?,
        }),
        _ => return Err(unknown(e)),
    })
}

fn installer(e: &Element) -> Result<Rule, BadPackage> {
    Ok(match &*e.name {
        "MsiProductInstalled" => {
            Rule::MsiProductInstalled(MsiProductInstalled { product: e.needed("ProductCode")?, range: range(e)? })
        }
        "MsiPatchInstalledForProduct" => Rule::MsiPatchInstalledForProduct(MsiPatchInstalled {
            patch: e.needed("PatchCode")?,
            product: e.needed("ProductCode")?,
            range: range(e)?,
        }),
        "MsiFeatureInstalledForProduct" => Rule::MsiFeatureInstalledForProduct(MsiFeatureInstalled {
            features: some(e, "Feature")?,
            products: some(e, "Product")?,
            all_features: e.flag("AllFeaturesRequired")?,
            all_products: e.flag("AllProductsRequired")?,
        }),
        "MsiComponentInstalledForProduct" => Rule::MsiComponentInstalledForProduct(MsiComponentInstalled {
            components: some(e, "Component")?,
            products: some(e, "Product")?,
            all_components: e.flag("AllComponentsRequired")?,
            all_products: e.flag("AllProductsRequired")?,
        }),
        _ => return metadata(e),
    })
}

fn metadata(e: &Element) -> Result<Rule, BadPackage> {
    let asks = match &*e.name {
        "MsiPatchInstalled" => MetadataRule::MsiPatchInstalled,
        "MsiPatchSuperseded" => MetadataRule::MsiPatchSuperseded,
        "MsiPatchInstallable" => MetadataRule::MsiPatchInstallable,
        "MsiApplicationInstalled" => MetadataRule::MsiApplicationInstalled,
        "MsiApplicationSuperseded" => MetadataRule::MsiApplicationSuperseded,
        "MsiApplicationInstallable" => MetadataRule::MsiApplicationInstallable,
        "WindowsDriverInstalled" => MetadataRule::WindowsDriverInstalled,
        "WindowsDriverSuperseded" => MetadataRule::WindowsDriverSuperseded,
        "WindowsDriverInstallable" => MetadataRule::WindowsDriverInstallable,
        _ => return Err(unknown(e)),
    };
    Ok(Rule::Metadata { asks })
}

fn range(e: &Element) -> Result<VersionRange, BadPackage> {
    Ok(VersionRange {
        min: e.parsed("VersionMin")?,
        exclude_min: e.flag("ExcludeVersionMin")?,
        max: e.parsed("VersionMax")?,
        exclude_max: e.flag("ExcludeVersionMax")?,
        language: e.parsed("Language")?,
    })
}

fn some(e: &Element, name: &str) -> Result<Vec<String>, BadPackage> {
    let texts = e.texts(&Msiar, name);
    if texts.is_empty() { Err(unknown(e)) } else { Ok(texts) }
}

fn registry_key(e: &Element) -> Result<RegistryKey, BadPackage> {
    let hive = match e.required("Key")? {
        "HKEY_LOCAL_MACHINE" => Hive::LocalMachine,
        "HKEY_LOOP_TARGET" => Hive::LoopTarget,
        _ => return Err(unknown(e)),
    };
    Ok(RegistryKey { hive, subkey: e.string("Subkey")?, view32: e.flag("RegType32")? })
}

fn registry_value(e: &Element) -> Result<RegistryValue, BadPackage> {
    Ok(RegistryValue { key: registry_key(e)?, value: e.string("Value")? })
}

fn registry_type(text: &str) -> Option<RegistryValueType> {
    Some(match text {
        "REG_BINARY" => RegistryValueType::Binary,
        "REG_DWORD" => RegistryValueType::Dword,
        "REG_EXPAND_SZ" => RegistryValueType::ExpandSz,
        "REG_MULTI_SZ" => RegistryValueType::MultiSz,
        "REG_QWORD" => RegistryValueType::Qword,
        "REG_SZ" => RegistryValueType::Sz,
        "REG_FULL_RESOURCE_DESCRIPTOR" => RegistryValueType::FullResourceDescriptor,
        _ => return None,
    })
}

/// The rule is kept as [`Rule::Unrecognised`]; nobody reads the reason.
fn unknown(e: &Element) -> BadPackage {
    BadPackage(format!("the rule {} is not understood", e.name))
}

fn time(e: &Element, name: &str) -> Result<Option<Timestamp>, BadPackage> {
    e.attribute(name).map(|text| value::timestamp(text).ok_or_else(|| unknown(e))).transpose()
}
