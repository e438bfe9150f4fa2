//! What single rules mean (FEEDS.md 1.3, BaseApplicabilityRules.xsd, MsiApplicabilityRules.xsd).

use super::*;

fn windows(major: u32, minor: u32, build: u32) -> Given {
    let windows = Windows { major, minor, build, product_type: 1, suite_mask: 0x0100, ..Windows::default() };
    Given { windows: Some(Some(windows)), ..Given::default() }
}

fn asks(comparison: Comparison, major: u32, minor: u32) -> WindowsVersion {
    WindowsVersion { comparison, major: Some(major), minor: Some(minor), ..WindowsVersion::default() }
}

#[test]
fn windows_versions_are_compared_gravest_number_first_and_only_those_given() {
    let eleven = windows(10, 0, 22_631);
    let holds = |rule: WindowsVersion| Rule::WindowsVersion(rule).evaluate(&eleven);
    assert_eq!(holds(asks(Comparison::EqualTo, 10, 0)), Verdict::True);
    assert_eq!(holds(asks(Comparison::GreaterThan, 6, 3)), Verdict::True, "0 < 3, but 10 > 6 decides");
    assert_eq!(holds(asks(Comparison::LessThanOrEqualTo, 6, 3)), Verdict::False);
    assert_eq!(holds(WindowsVersion { build: Some(19_045), ..asks(Comparison::EqualTo, 10, 0) }), Verdict::False);
    assert_eq!(holds(WindowsVersion { build: Some(19_045), ..asks(Comparison::GreaterThan, 10, 0) }), Verdict::True);
    assert_eq!(holds(WindowsVersion::default()), Verdict::True);
    assert_eq!(holds(WindowsVersion { product_type: Some(3), ..WindowsVersion::default() }), Verdict::False);
}

#[test]
fn suites_are_all_or_any() {
    let home = windows(10, 0, 1);
    for (suite_mask, all_suites, expected) in [
        (0x0300, false, Verdict::True),
        (0x0300, true, Verdict::False),
        (0x0100, true, Verdict::True),
        (0x0200, false, Verdict::False),
    ] {
        let rule = WindowsVersion { suite_mask: Some(suite_mask), all_suites, ..WindowsVersion::default() };
        assert_eq!(Rule::WindowsVersion(rule).evaluate(&home), expected, "{suite_mask:#x} {all_suites}");
    }
}

#[test]
fn windows_rules_are_false_on_another_system_and_unknown_without_facts() {
    let rule = Rule::WindowsVersion(asks(Comparison::EqualTo, 10, 0));
    assert_eq!(rule.evaluate(&Given { windows: Some(None), ..Given::default() }), Verdict::False);
    assert_eq!(rule.evaluate(&Given::default()), Verdict::Unknown);
}

#[test]
fn windows_language_is_false_where_the_multilanguage_interface_is_installed() {
    let rule = |language: &str| LanguageInstalled { language: language.to_owned() };
    let plain = Given { mui: Some(None), language: Some("en-GB".to_owned()), ..Given::default() };
    assert_eq!(Rule::WindowsLanguage(rule("en")).evaluate(&plain), Verdict::True);
    assert_eq!(Rule::WindowsLanguage(rule("en-US")).evaluate(&plain), Verdict::False);
    assert_eq!(Rule::MuiLanguageInstalled(rule("en")).evaluate(&plain), Verdict::False);
    let mui =
        Given { mui: Some(Some(vec!["de-DE".to_owned()])), language: Some("en-US".to_owned()), ..Given::default() };
    assert_eq!(Rule::WindowsLanguage(rule("en")).evaluate(&mui), Verdict::False);
    assert_eq!(Rule::MuiLanguageInstalled(rule("de")).evaluate(&mui), Verdict::True);
    assert_eq!(Rule::MuiInstalled.evaluate(&mui), Verdict::True);
}

#[test]
fn a_missing_file_is_false_and_an_unread_one_is_unknown() {
    let found = FileFacts {
        size_bytes: 10,
        created: None,
        modified: None,
        version: Some(Some(version("10.0.1.2"))),
        language: Some(None),
    };
    let files = BTreeMap::from([
        ("here".to_owned(), Some(Some(found))),
        ("gone".to_owned(), Some(None)),
        ("denied".to_owned(), None),
    ]);
    let given = Given { files, ..Given::default() };
    let at = |path: &str| FileAddress { base: FileBase::Csidl(37), path: path.to_owned() };
    let newer = |path: &str| {
        let rule = FileVersion {
            file: at(path),
            comparison: Comparison::GreaterThanOrEqualTo,
            version: version("9.65535.0.0"),
        };
        Rule::FileVersion(rule).evaluate(&given)
    };
    assert_eq!([newer("here"), newer("gone"), newer("denied")], [Verdict::True, Verdict::False, Verdict::Unknown]);
    let exists = |size_bytes, created| {
        let rule = FileExists { file: at("here"), version: None, created, modified: None, size_bytes, language: None };
        Rule::FileExists(rule).evaluate(&given)
    };
    assert_eq!(exists(Some(10), None), Verdict::True);
    assert_eq!(exists(Some(10), Some(crate::Timestamp::UNIX_EPOCH)), Verdict::Unknown, "its time is not known");
    assert_eq!(exists(Some(11), Some(crate::Timestamp::UNIX_EPOCH)), Verdict::False, "its length settles it");
}

#[test]
fn registry_values_must_have_the_type_that_the_rule_is_about() {
    let values = BTreeMap::from([
        (("Soft".to_owned(), "V".to_owned()), RegistryData::Sz("1.2.3".to_owned())),
        (("Soft".to_owned(), "D".to_owned()), RegistryData::Dword(5)),
        (("Soft".to_owned(), String::new()), RegistryData::Sz("Default".to_owned())),
    ]);
    let given = Given { values, ..Given::default() };
    let at = |name: &str| RegistryValue { key: key("Soft"), value: name.to_owned() };
    let string = |name: &str, comparison, data: &str| {
        Rule::RegSz(RegistryString { value: at(name), comparison, data: data.to_owned() }).evaluate(&given)
    };
    assert_eq!(string("", StringComparison::BeginsWith, "dEF"), Verdict::True);
    assert_eq!(string("", StringComparison::EndsWith, "lt"), Verdict::True);
    assert_eq!(string("", StringComparison::Contains, "x"), Verdict::False);
    assert_eq!(string("D", StringComparison::EqualTo, "5"), Verdict::False);
    let as_version = |name: &str| {
        let rule =
            RegistryStringAsVersion { value: at(name), comparison: Comparison::EqualTo, data: version("1.2.3.0") };
        Rule::RegSzToVersion(rule).evaluate(&given)
    };
    assert_eq!([as_version("V"), as_version("D"), as_version("gone")], [Verdict::True, Verdict::False, Verdict::False]);
    let exists = |value: Option<&str>, kind| {
        let rule = RegistryValueExists { key: key("Soft"), value: value.map(str::to_owned), kind };
        Rule::RegValueExists(rule).evaluate(&given)
    };
    assert_eq!(exists(None, None), Verdict::True);
    assert_eq!(exists(Some("D"), Some(RegistryValueType::Sz)), Verdict::False);
    assert_eq!(exists(Some("D"), Some(RegistryValueType::Dword)), Verdict::True);
}

#[test]
fn a_loop_evaluates_its_rule_at_every_subkey() {
    let given = Given {
        subkeys: BTreeMap::from([("Products".to_owned(), vec!["A".to_owned(), "B".to_owned()])]),
        values: BTreeMap::from([
            (("Products\\A\\Now".to_owned(), "Version".to_owned()), RegistryData::Dword(1)),
            (("Products\\B\\Now".to_owned(), "Version".to_owned()), RegistryData::Dword(2)),
        ]),
        ..Given::default()
    };
    let target = RegistryKey { hive: Hive::LoopTarget, subkey: "Now".to_owned(), view32: false };
    let inner = Rule::RegDword(RegistryDword {
        value: RegistryValue { key: target.clone(), value: "Version".to_owned() },
        comparison: Comparison::EqualTo,
        data: 2,
    });
    let each = |true_if, at: &str| {
        let rule = RegistryLoop { key: key(at), true_if, inner: Box::new(inner.clone()) };
        Rule::RegKeyLoop(rule).evaluate(&given)
    };
    assert_eq!(each(LoopLogic::Any, "Products"), Verdict::True);
    assert_eq!(each(LoopLogic::All, "Products"), Verdict::False);
    assert_eq!(each(LoopLogic::None, "Products"), Verdict::False);
    assert_eq!(each(LoopLogic::Any, "Gone"), Verdict::False);
    assert_eq!(each(LoopLogic::None, "Gone"), Verdict::True);
    assert_eq!(inner.evaluate(&given), Verdict::Unknown, "a loop target outside a loop");
}

#[test]
fn products_are_bounded_by_version_and_language() {
    let found = MsiProduct { version: Some(version("1.6")), language: None };
    let given = Given { products: BTreeMap::from([("{P}".to_owned(), found)]), ..Given::default() };
    let holds = |product: &str, range: VersionRange| {
        Rule::MsiProductInstalled(MsiProductInstalled { product: product.to_owned(), range }).evaluate(&given)
    };
    let from =
        |min: &str, exclude_min| VersionRange { min: Some(version(min)), exclude_min, ..VersionRange::default() };
    assert_eq!(holds("{P}", VersionRange::default()), Verdict::True);
    assert_eq!(holds("{P}", from("1.6.0.0", false)), Verdict::True);
    assert_eq!(holds("{P}", from("1.6", true)), Verdict::False);
    assert_eq!(holds("{Q}", VersionRange::default()), Verdict::False);
    let german = VersionRange { language: Some(1031), ..VersionRange::default() };
    assert_eq!(holds("{P}", german.clone()), Verdict::Unknown);
    assert_eq!(holds("{P}", VersionRange { max: Some(version("1.5")), ..german }), Verdict::False);
    let patch =
        MsiPatchInstalled { patch: "{X}".to_owned(), product: "{P}".to_owned(), range: VersionRange::default() };
    assert_eq!(Rule::MsiPatchInstalledForProduct(patch).evaluate(&given), Verdict::Unknown);
}

#[test]
fn unrecognised_rules_are_unknown_and_the_rest_still_decides() {
    let unknown = Rule::Unrecognised(Markup::default());
    let given = Given::default();
    assert_eq!(unknown.evaluate(&given), Verdict::Unknown);
    assert_eq!(Rule::And { rules: vec![unknown.clone(), Rule::False] }.evaluate(&given), Verdict::False);
    assert_eq!(Rule::And { rules: vec![unknown.clone(), Rule::True] }.evaluate(&given), Verdict::Unknown);
    assert_eq!(Rule::Or { rules: vec![unknown, Rule::True] }.evaluate(&given), Verdict::True);
}

#[test]
fn versions_have_one_to_four_numbers_of_at_most_five_digits() {
    assert_eq!(version("1.2"), version("1.2.0.0"));
    assert!(version("1.10") > version("1.9.99999"));
    for text in ["", "1.", ".1", "1.2.3.4.5", "123456", "1.-2", "1.2a", "١"] {
        assert!(text.parse::<Version>().is_err(), "{text:?}");
    }
}
