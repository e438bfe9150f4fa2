#![allow(clippy::unwrap_used)]

mod laws;
mod semantics;

use std::collections::BTreeMap;

use super::*;

/// Facts given by hand: what is not given is unknown.
#[derive(Default)]
struct Given {
    windows: Fact<Option<Windows>>,
    processor: Fact<ProcessorFacts>,
    mui: Fact<Option<Vec<String>>>,
    language: Fact<String>,
    files: BTreeMap<String, Fact<Option<FileFacts>>>,
    values: BTreeMap<(String, String), RegistryData>,
    subkeys: BTreeMap<String, Vec<String>>,
    products: BTreeMap<String, MsiProduct>,
    wmi: BTreeMap<String, Verdict>,
}

impl Facts for Given {
    fn windows(&self) -> Fact<Option<Windows>> {
        self.windows
    }
    fn processor(&self) -> Fact<ProcessorFacts> {
        self.processor
    }
    fn mui_languages(&self) -> Fact<Option<Vec<String>>> {
        self.mui.clone()
    }
    fn windows_language(&self) -> Fact<String> {
        self.language.clone()
    }
    fn file(&self, file: &FileAddress) -> Fact<Option<FileFacts>> {
        self.files.get(&file.path).cloned().unwrap_or(Some(None))
    }
    fn registry_key(&self, key: &RegistryKey) -> Fact<bool> {
        Some(self.subkeys.contains_key(&key.subkey))
    }
    fn registry_value(&self, value: &RegistryValue) -> Fact<Option<RegistryData>> {
        assert_eq!(value.key.hive, Hive::LocalMachine);
        Some(self.values.get(&(value.key.subkey.clone(), value.value.clone())).cloned())
    }
    fn registry_subkeys(&self, key: &RegistryKey) -> Fact<Option<Vec<String>>> {
        Some(self.subkeys.get(&key.subkey).cloned())
    }
    fn wmi(&self, query: &WmiQuery) -> Verdict {
        self.wmi.get(&query.query).copied().unwrap_or(Verdict::Unknown)
    }
    fn msi_product(&self, product: &str) -> Fact<Option<MsiProduct>> {
        Some(self.products.get(product).copied())
    }
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn key(subkey: &str) -> RegistryKey {
    RegistryKey { hive: Hive::LocalMachine, subkey: subkey.to_owned(), view32: false }
}
