//! From rules and facts to a verdict.

use std::borrow::Cow;

use super::{
    Comparison, Facts, FileAddress, FileBase, FileExists, FileFacts, Hive, LanguageInstalled, LoopLogic, MAX_DEPTH,
    MsiProduct, Processor, ProcessorFacts, RegistryData, RegistryKey, RegistryLoop, RegistryValue, RegistryValueExists,
    RegistryValueType, Rule, Verdict, Version, VersionRange, Windows, WindowsVersion,
};

impl Rule {
    /// Evaluates the rule. What the facts do not say makes it [`Verdict::Unknown`], unless the rest decides.
    #[must_use]
    pub fn evaluate(&self, facts: &dyn Facts) -> Verdict {
        Evaluation { facts, loop_target: None, depth: 0 }.rule(self)
    }
}

#[derive(Clone, Copy)]
struct Evaluation<'a> {
    facts: &'a dyn Facts,
    /// The key at which the innermost loop stands.
    loop_target: Option<&'a RegistryKey>,
    depth: usize,
}

impl Evaluation<'_> {
    fn rule(self, rule: &Rule) -> Verdict {
        if self.depth >= MAX_DEPTH {
            return Verdict::Unknown;
        }
        let facts = self.facts;
        let inner = Self { depth: self.depth + 1, ..self };
        match rule {
            Rule::True => Verdict::True,
            Rule::False => Verdict::False,
            Rule::And { rules } => Verdict::all(rules.iter().map(|rule| inner.rule(rule))),
            Rule::Or { rules } => Verdict::any(rules.iter().map(|rule| inner.rule(rule))),
            Rule::Not { inner: rule } => !inner.rule(rule),
            Rule::WindowsVersion(rule) => {
                facts.windows().map(|found| found.is_some_and(|it| is_windows(&it, rule))).into()
            }
            Rule::Processor(rule) => facts.processor().map(|found| is_processor(found, rule)).into(),
            Rule::NumberOfProcessors(rule) => {
                facts.number_of_processors().map(|found| rule.comparison.holds(&found, &rule.number)).into()
            }
            Rule::SystemMetric(rule) => {
                facts.system_metric(rule.index).map(|found| rule.comparison.holds(&found, &rule.value)).into()
            }
            Rule::WindowsLanguage(rule) => Verdict::all([
                facts.mui_languages().map(|mui| mui.is_none()).into(),
                facts.windows_language().map(|found| is_language(&found, rule)).into(),
            ]),
            Rule::MuiInstalled => facts.mui_languages().map(|mui| mui.is_some()).into(),
            Rule::MuiLanguageInstalled(rule) => facts
                .mui_languages()
                .map(|mui| mui.is_some_and(|found| found.iter().any(|found| is_language(found, rule))))
                .into(),
            Rule::ClusteredOs => facts.clustered().into(),
            Rule::ClusterResourceOwner(rule) => self.value(&rule.value).map_or(Verdict::Unknown, |value| {
                facts.owns_cluster_resource(&super::ClusterResourceOwner { value: value.into_owned(), ..rule.clone() })
            }),
            Rule::FileExists(rule) => self.file(&rule.file, |found| file_matches(found, rule)),
            Rule::FileVersion(rule) => self.file(&rule.file, |found| {
                found.version.map(|found| found.is_some_and(|it| rule.comparison.holds(&it, &rule.version))).into()
            }),
            Rule::FileSize(rule) => {
                self.file(&rule.file, |found| rule.comparison.holds(&found.size_bytes, &rule.size_bytes).into())
            }
            Rule::FileCreated(rule) => {
                self.file(&rule.file, |found| found.created.map(|it| rule.comparison.holds(&it, &rule.created)).into())
            }
            Rule::FileModified(rule) => self
                .file(&rule.file, |found| found.modified.map(|it| rule.comparison.holds(&it, &rule.modified)).into()),
            Rule::RegKeyExists(key) => self.key(key).and_then(|key| facts.registry_key(&key)).into(),
            Rule::RegValueExists(rule) => self.value_exists(rule),
            Rule::RegDword(rule) => self.data(&rule.value, |found| match found {
                RegistryData::Dword(found) => rule.comparison.holds(&found, &rule.data),
                _ => false,
            }),
            Rule::RegSz(rule) => self.data(&rule.value, |found| match found {
                RegistryData::Sz(found) => rule.comparison.holds(&found, &rule.data),
                _ => false,
            }),
            Rule::RegExpandSz(rule) => self.data(&rule.value, |found| match found {
                RegistryData::ExpandSz(found) => rule.comparison.holds(&found, &rule.data),
                _ => false,
            }),
            Rule::RegSzToVersion(rule) => self.data(&rule.value, |found| match found {
                RegistryData::Sz(found) => {
                    found.trim().parse::<Version>().is_ok_and(|found| rule.comparison.holds(&found, &rule.data))
                }
                _ => false,
            }),
            Rule::RegKeyLoop(rule) => inner.each_subkey(rule),
            Rule::WmiQuery(query) => facts.wmi(query),
            Rule::InstalledOnce => facts.installed_once(),
            Rule::GenericQuery(query) => facts.generic(query),
            Rule::MsiProductInstalled(rule) => self.product(&rule.product, &rule.range),
            Rule::MsiPatchInstalledForProduct(rule) => {
                self.product(&rule.product, &rule.range).and(facts.msi_patch(&rule.product, &rule.patch))
            }
            Rule::MsiFeatureInstalledForProduct(rule) => some(rule.all_products, &rule.products, |product| {
                some(rule.all_features, &rule.features, |feature| facts.msi_feature(product, feature))
            }),
            Rule::MsiComponentInstalledForProduct(rule) => some(rule.all_products, &rule.products, |product| {
                some(rule.all_components, &rule.components, |component| facts.msi_component(product, component))
            }),
            Rule::Metadata { asks } => facts.metadata(*asks),
            Rule::Unrecognised(_) => Verdict::Unknown,
        }
    }

    /// The key as it stands in the registry; none for a loop target outside a loop.
    fn key<'k>(&self, key: &'k RegistryKey) -> Option<Cow<'k, RegistryKey>> {
        match key.hive {
            Hive::LocalMachine => Some(Cow::Borrowed(key)),
            Hive::LoopTarget => self.loop_target.map(|target| Cow::Owned(below(target, &key.subkey, key.view32))),
        }
    }

    fn value<'v>(&self, value: &'v RegistryValue) -> Option<Cow<'v, RegistryValue>> {
        Some(match self.key(&value.key)? {
            Cow::Borrowed(_) => Cow::Borrowed(value),
            Cow::Owned(key) => Cow::Owned(RegistryValue { key, value: value.value.clone() }),
        })
    }

    fn data(&self, value: &RegistryValue, holds: impl FnOnce(RegistryData) -> bool) -> Verdict {
        let found = self.value(value).and_then(|value| self.facts.registry_value(&value));
        found.map(|found| found.is_some_and(holds)).into()
    }

    fn value_exists(&self, rule: &RegistryValueExists) -> Verdict {
        let kind = if rule.value.is_none() { Some(RegistryValueType::Sz) } else { rule.kind };
        let value = RegistryValue { key: rule.key.clone(), value: rule.value.clone().unwrap_or_default() };
        self.data(&value, |found| kind.is_none_or(|kind| found.kind() == kind))
    }

    fn file(&self, file: &FileAddress, holds: impl FnOnce(&FileFacts) -> Verdict) -> Verdict {
        let resolved = match &file.base {
            FileBase::Registry(value) => self.value(value).map(|value| {
                let base = FileBase::Registry(value.into_owned());
                Cow::Owned(FileAddress { base, path: file.path.clone() })
            }),
            _ => Some(Cow::Borrowed(file)),
        };
        match resolved.and_then(|file| self.facts.file(&file)) {
            None => Verdict::Unknown,
            Some(None) => Verdict::False,
            Some(Some(found)) => holds(&found),
        }
    }

    fn each_subkey(self, rule: &RegistryLoop) -> Verdict {
        let Some(key) = self.key(&rule.key) else { return Verdict::Unknown };
        let Some(found) = self.facts.registry_subkeys(&key) else { return Verdict::Unknown };
        let names = found.unwrap_or_default();
        let verdicts = names.iter().map(|name| {
            let target = below(&key, name, false);
            Evaluation { facts: self.facts, loop_target: Some(&target), depth: self.depth }.rule(&rule.inner)
        });
        match rule.true_if {
            LoopLogic::Any => Verdict::any(verdicts),
            LoopLogic::All => Verdict::all(verdicts),
            LoopLogic::None => !Verdict::any(verdicts),
        }
    }

    fn product(&self, product: &str, range: &VersionRange) -> Verdict {
        match self.facts.msi_product(product) {
            None => Verdict::Unknown,
            Some(None) => Verdict::False,
            Some(Some(found)) => in_range(found, range),
        }
    }
}

fn below(key: &RegistryKey, name: &str, view32: bool) -> RegistryKey {
    let subkey = [key.subkey.trim_end_matches('\\'), name.trim_start_matches('\\')].join("\\");
    RegistryKey { hive: Hive::LocalMachine, subkey, view32: key.view32 || view32 }
}

fn some(all: bool, things: &[String], verdict: impl Fn(&str) -> Verdict) -> Verdict {
    let verdicts = things.iter().map(|thing| verdict(thing));
    if all { Verdict::all(verdicts) } else { Verdict::any(verdicts) }
}

fn is_windows(found: &Windows, rule: &WindowsVersion) -> bool {
    let pairs = [
        (found.major, rule.major),
        (found.minor, rule.minor),
        (found.build, rule.build),
        (found.service_pack_major.into(), rule.service_pack_major.map(u32::from)),
        (found.service_pack_minor.into(), rule.service_pack_minor.map(u32::from)),
    ];
    let (found_numbers, named): (Vec<u32>, Vec<u32>) =
        pairs.into_iter().filter_map(|(found, named)| named.map(|named| (found, named))).unzip();
    let suites = rule.suite_mask.is_none_or(|mask| {
        let present = found.suite_mask & mask;
        if rule.all_suites { present == mask } else { present != 0 }
    });
    let version = named.is_empty() || rule.comparison.holds(&found_numbers, &named);
    version && suites && rule.product_type.is_none_or(|kind| kind == found.product_type)
}

fn is_processor(found: ProcessorFacts, rule: &Processor) -> bool {
    found.architecture == rule.architecture
        && rule.level.is_none_or(|level| level == found.level)
        && rule.revision.is_none_or(|revision| revision == found.revision)
}

/// `en` stands for every English, `en-GB` only for itself.
fn is_language(found: &str, rule: &LanguageInstalled) -> bool {
    let (found, named) = (found.to_ascii_lowercase(), rule.language.to_ascii_lowercase());
    found.strip_prefix(&named).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn file_matches(found: &FileFacts, rule: &FileExists) -> Verdict {
    fn same<T: PartialEq>(named: Option<T>, found: Option<T>) -> Verdict {
        named.map_or(Verdict::True, |named| found.map(|found| found == named).into())
    }
    Verdict::all([
        same(rule.size_bytes, Some(found.size_bytes)),
        same(rule.created, found.created),
        same(rule.modified, found.modified),
        same(rule.version.map(Some), found.version),
        same(rule.language.map(Some), found.language),
    ])
}

fn in_range(found: MsiProduct, range: &VersionRange) -> Verdict {
    let at_least = if range.exclude_min { Comparison::GreaterThan } else { Comparison::GreaterThanOrEqualTo };
    let at_most = if range.exclude_max { Comparison::LessThan } else { Comparison::LessThanOrEqualTo };
    let bound = |comparison: Comparison, bound: Option<Version>| {
        bound.map_or(Verdict::True, |bound| found.version.map(|it| comparison.holds(&it, &bound)).into())
    };
    let language = range.language.map_or(Verdict::True, |named| found.language.map(|it| it == named).into());
    Verdict::all([bound(at_least, range.min), bound(at_most, range.max), language])
}
