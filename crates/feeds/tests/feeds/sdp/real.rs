//! Vendors' own catalogues, where they are at hand. The figures were counted by other means.

use std::collections::{BTreeMap, BTreeSet};

use patchwharf_model::{
    installable::Handler,
    rule::Rule,
    update::{UpdateItem, VendorDigest},
};

use super::read;
use crate::samples::sample;

fn count(rule: &Rule, counts: &mut BTreeMap<String, usize>) {
    let json = serde_json::to_value(rule).unwrap();
    *counts.entry(json["rule"].as_str().unwrap().to_owned()).or_default() += 1;
    for inner in rule.children() {
        count(inner, counts);
    }
}

fn rules(updates: &[UpdateItem]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for update in updates {
        let package = [&update.detail.is_installable, &update.detail.is_installed];
        let items = update.detail.items.iter().flat_map(|i| [&i.is_installed, &i.is_superseded, &i.is_installable]);
        for rule in package.into_iter().chain(items).flatten() {
            count(rule, &mut counts);
        }
    }
    counts
}

fn assert_is_hps_catalogue(updates: &[UpdateItem]) {
    assert_eq!(updates.len(), 1_829);
    let references: Vec<&String> = updates.iter().flat_map(|update| &update.supersedes).collect();
    let distinct: BTreeSet<&String> = references.iter().copied().collect();
    let keys: BTreeSet<&String> = updates.iter().map(|update| &update.key).collect();
    assert_eq!((references.len(), distinct.len(), distinct.intersection(&keys).count()), (28_319, 4_383, 0));
    assert_eq!(keys.len(), 1_829);
    let expected = [
        ("and", 18_183),
        ("windows-version", 14_525),
        ("processor", 12_696),
        ("wmi-query", 8_295),
        ("file-version", 5_934),
        ("reg-sz", 5_123),
        ("or", 2_636),
    ];
    assert_eq!(rules(updates), expected.map(|(name, count)| (name.to_owned(), count)).into());
    let codes = updates.iter().flat_map(|update| &update.detail.items).map(|item| match &item.handler {
        Some(Handler::CommandLine(command)) => command.return_codes.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(codes.sum::<usize>(), 20_297);
    for update in updates {
        let [file] = update.files.as_slice() else { panic!("{}: {:?}", update.key, update.files) };
        assert!(matches!(file.digest, VendorDigest::Sha1(_)));
        assert!(file.url.as_ref().is_some_and(|url| url.starts_with("http://")), "{:?}", file.url);
        assert!(update.bulletin.starts_with("sp"), "{}", update.bulletin);
    }
}

#[test]
fn hps_catalogue_is_read_whole_from_its_cabinet() {
    let Some(path) = sample("sdp/generated/HpCatalogForSms.mszip.cab") else { return };
    let outcome = read(std::fs::read(path).unwrap());
    assert_eq!(outcome.rejected, []);
    assert_is_hps_catalogue(&outcome.updates);
}

#[test]
fn hps_catalogue_is_read_whole_as_a_document() {
    let Some(path) = sample("sdp/hp/HpCatalogForSms.zip") else { return };
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut names = archive.file_names().filter_map(Result::ok).map(|name| name.into_owned());
    let name = names.find(|name| name.ends_with(".xml")).expect("an XML document in the archive");
    drop(names);
    let mut xml = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name(&name).unwrap(), &mut xml).unwrap();
    let outcome = read(&xml);
    assert_eq!(outcome.rejected, []);
    assert_is_hps_catalogue(&outcome.updates);
}

#[test]
fn hps_catalogue_of_single_documents_is_read() {
    let Some(path) = sample("sdp/generated/HpCatalog-V2-sample.mszip.cab") else { return };
    let outcome = read(std::fs::read(path).unwrap());
    assert_eq!(outcome.updates.len(), 31);
    assert_eq!(outcome.rejected.len(), 1, "the manifest lists more than the sample holds");
    assert!(outcome.rejected[0].reason.contains("1798 packages"), "{:?}", outcome.rejected);
    assert!(outcome.updates.iter().all(|update| update.detail.extra["SchemaVersion"] == "1.2"));
}

#[test]
fn dells_package_is_read() {
    let Some(path) = sample("sdp/dell/dc718411-a5f1-4b15-966a-63a77cbb156e.sdp") else { return };
    let outcome = read(std::fs::read(path).unwrap());
    let [update] = outcome.updates.as_slice() else { panic!("{outcome:?}") };
    assert_eq!((update.bulletin.as_str(), update.vendor.as_str()), ("45YPT", "Dell"));
    assert_eq!(update.files[0].size_bytes, 26_825_728);
    let item = &update.detail.items[0];
    assert!(matches!(&item.handler, Some(Handler::Msi(msi)) if msi.command_line == "Reboot=ReallySuppress"));
    assert!(
        matches!(&item.is_installed, Some(Rule::MsiProductInstalled(p)) if p.range.min.unwrap().to_string() == "1.6.6.5")
    );
}

#[test]
fn signed_cabinets_are_read_as_cabinets() {
    for name in ["signed-sha256.cab", "signed-sha1.cab", "unsigned.cab", "tampered.cab"] {
        let Some(path) = sample(&format!("authenticode/{name}")) else { return };
        let (_, result) = super::read_with(&std::fs::read(path).unwrap(), &patchwharf_feeds::Limits::default());
        match result {
            Ok(()) => assert_ne!(name, "tampered.cab"),
            Err(error) => {
                assert!(name == "tampered.cab" || error.to_string().contains("root element"), "{name}: {error}")
            }
        }
    }
}
