//! Every rule of FEEDS.md 1.3.

use patchwharf_model::rule::{
    Comparison, FileBase, Hive, LoopLogic, MetadataRule, RegistryValueType, Rule, StringComparison, Verdict,
};

use super::{Package, update};

fn rule(xml: &str) -> Rule {
    let mut package = Package::new(1);
    package.rules = format!("<sdp:IsInstallable>{xml}</sdp:IsInstallable>");
    update(&package).detail.is_installable.expect("a rule")
}

const REG: &str = r#"Key="HKEY_LOCAL_MACHINE" Subkey="Software\X""#;

#[test]
fn logic_nests() {
    let nested = rule("<lar:And><lar:True/><lar:Or><lar:False/><lar:Not><lar:False/></lar:Not></lar:Or></lar:And>");
    assert_eq!(nested.depth(), 4);
    struct Nothing;
    impl patchwharf_model::rule::Facts for Nothing {}
    assert_eq!(nested.evaluate(&Nothing), Verdict::True);
}

#[test]
fn system_rules_are_read() {
    let Rule::WindowsVersion(windows) = rule(
        r#"<bar:WindowsVersion Comparison="GreaterThanOrEqualTo" MajorVersion="6" MinorVersion="1" BuildNumber="7601" ServicePackMajor="1" ServicePackMinor="0" AllSuitesMustBePresent="true" SuiteMask="256" ProductType="3"/>"#,
    ) else {
        panic!()
    };
    assert_eq!(windows.comparison, Comparison::GreaterThanOrEqualTo);
    assert_eq!((windows.major, windows.minor, windows.build), (Some(6), Some(1), Some(7601)));
    assert_eq!((windows.service_pack_major, windows.suite_mask, windows.product_type), (Some(1), Some(256), Some(3)));
    assert!(windows.all_suites);
    let Rule::WindowsVersion(plain) = rule(r#"<bar:WindowsVersion MajorVersion="10"/>"#) else { panic!() };
    assert_eq!((plain.comparison, plain.minor), (Comparison::EqualTo, None));
    assert!(
        matches!(rule(r#"<bar:Processor Architecture="9" Level="6"/>"#), Rule::Processor(p) if p.architecture == 9 && p.level == Some(6))
    );
    assert!(
        matches!(rule(r#"<bar:NumberOfProcessors Comparison="GreaterThan" Number="2"/>"#), Rule::NumberOfProcessors(n) if n.number == 2)
    );
    assert!(
        matches!(rule(r#"<bar:SystemMetric Comparison="EqualTo" Index="86" Value="-1"/>"#), Rule::SystemMetric(m) if m.value == -1)
    );
    assert!(matches!(rule(r#"<bar:WindowsLanguage Language="de"/>"#), Rule::WindowsLanguage(l) if l.language == "de"));
    assert_eq!(rule("<bar:MuiInstalled/>"), Rule::MuiInstalled);
    assert!(matches!(rule(r#"<bar:MuiLanguageInstalled Language="fr"/>"#), Rule::MuiLanguageInstalled(_)));
    assert_eq!(rule("<bar:ClusteredOS/>"), Rule::ClusteredOs);
    assert!(
        matches!(rule(&format!(r#"<bar:ClusterResourceOwner {REG} Value="V" Prefix="p"/>"#)), Rule::ClusterResourceOwner(c) if c.prefix == "p")
    );
    assert!(
        matches!(rule(r#"<bar:WmiQuery WqlQuery="select * from X where a &lt; 'b'"/>"#), Rule::WmiQuery(q) if q.query.contains("< 'b'") && q.namespace.is_none())
    );
    assert_eq!(rule("<bar:InstalledOnce/>"), Rule::InstalledOnce);
    assert!(
        matches!(rule(r#"<bar:GenericQuery Namespace="n" Type="t" Parameter="p" Comparison="LessThan" Value="1"/>"#), Rule::GenericQuery(g) if g.kind == "t")
    );
}

#[test]
fn file_rules_take_their_folder_from_windows_or_from_the_registry() {
    let Rule::FileExists(file) = rule(
        r#"<bar:FileExists Path="a\b.dll" Csidl="37" Version="1.2.3.4" Created="2026-01-01T00:00:00" Modified="2026-01-02T00:00:00Z" Size="10" Language="1033"/>"#,
    ) else {
        panic!()
    };
    assert_eq!((&file.file.base, file.file.path.as_str()), (&FileBase::Csidl(37), "a\\b.dll"));
    assert_eq!(
        (file.size_bytes, file.language, file.version.unwrap().to_string().as_str()),
        (Some(10), Some(1033), "1.2.3.4")
    );
    assert!(file.created.is_some() && file.modified.is_some());
    for (name, attributes) in [
        ("FileExists", ""),
        ("FileVersion", r#"Comparison="LessThan" Version="1.0.0.0""#),
        ("FileSize", r#"Comparison="LessThan" Size="1""#),
        ("FileCreated", r#"Comparison="LessThan" Created="2026-01-01T00:00:00Z""#),
        ("FileModified", r#"Comparison="LessThan" Modified="2026-01-01T00:00:00Z""#),
    ] {
        for (suffix, place, from_registry) in
            [("", String::new(), false), ("PrependRegSz", format!(r#"{REG} Value="Dir""#), true)]
        {
            let file = match rule(&format!(r#"<bar:{name}{suffix} Path="x" {place} {attributes}/>"#)) {
                Rule::FileExists(rule) => rule.file,
                Rule::FileVersion(rule) => rule.file,
                Rule::FileSize(rule) => rule.file,
                Rule::FileCreated(rule) => rule.file,
                Rule::FileModified(rule) => rule.file,
                other => panic!("{other:?}"),
            };
            assert_eq!(matches!(file.base, FileBase::Registry(value) if value.value == "Dir"), from_registry);
        }
    }
}

#[test]
fn registry_rules_are_read() {
    assert!(
        matches!(rule(&format!(r#"<bar:RegKeyExists {REG} RegType32="true"/>"#)), Rule::RegKeyExists(key) if key.view32)
    );
    assert!(
        matches!(rule(&format!(r#"<bar:RegValueExists {REG} Value="v" Type="REG_QWORD"/>"#)), Rule::RegValueExists(r) if r.kind == Some(RegistryValueType::Qword))
    );
    assert!(matches!(rule(&format!(r#"<bar:RegValueExists {REG}/>"#)), Rule::RegValueExists(r) if r.value.is_none()));
    assert!(
        matches!(rule(&format!(r#"<bar:RegDword {REG} Value="" Comparison="EqualTo" Data="4294967295"/>"#)), Rule::RegDword(r) if r.data == u32::MAX)
    );
    assert!(
        matches!(rule(&format!(r#"<bar:RegSz {REG} Value="v" Comparison="BeginsWith" Data=" d "/>"#)), Rule::RegSz(r) if r.comparison == StringComparison::BeginsWith && r.data == " d ")
    );
    assert!(matches!(
        rule(&format!(r#"<bar:RegExpandSz {REG} Value="v" Comparison="EndsWith" Data="d"/>"#)),
        Rule::RegExpandSz(_)
    ));
    assert!(matches!(
        rule(&format!(r#"<bar:RegSzToVersion {REG} Value="v" Comparison="LessThan" Data="1.0.0.0"/>"#)),
        Rule::RegSzToVersion(_)
    ));
    let Rule::RegKeyLoop(each) = rule(&format!(
        r#"<bar:RegKeyLoop {REG} TrueIf="All"><bar:RegKeyExists Key="HKEY_LOOP_TARGET" Subkey="s"/></bar:RegKeyLoop>"#
    )) else {
        panic!()
    };
    assert_eq!(each.true_if, LoopLogic::All);
    assert!(matches!(*each.inner, Rule::RegKeyExists(key) if key.hive == Hive::LoopTarget));
}

#[test]
fn installer_and_metadata_rules_are_read() {
    assert!(
        matches!(rule(r#"<msiar:MsiProductInstalled ProductCode="{P}" VersionMin="1.6" ExcludeVersionMin="true" VersionMax="2" Language="1033"/>"#), Rule::MsiProductInstalled(p) if p.range.exclude_min && p.range.language == Some(1033))
    );
    assert!(
        matches!(rule(r#"<msiar:MsiPatchInstalledForProduct PatchCode="{X}" ProductCode="{P}"/>"#), Rule::MsiPatchInstalledForProduct(p) if p.patch == "{X}")
    );
    assert!(
        matches!(rule(r#"<msiar:MsiFeatureInstalledForProduct AllProductsRequired="true"><msiar:Feature>F</msiar:Feature><msiar:Product>{P}</msiar:Product></msiar:MsiFeatureInstalledForProduct>"#), Rule::MsiFeatureInstalledForProduct(f) if f.all_products && f.features == ["F"])
    );
    assert!(
        matches!(rule(r#"<msiar:MsiComponentInstalledForProduct><msiar:Component>{C}</msiar:Component><msiar:Product>{P}</msiar:Product></msiar:MsiComponentInstalledForProduct>"#), Rule::MsiComponentInstalledForProduct(c) if c.components == ["{C}"])
    );
    for (name, asks) in [
        ("msiar:MsiPatchInstalled", MetadataRule::MsiPatchInstalled),
        ("msiar:MsiPatchSuperseded", MetadataRule::MsiPatchSuperseded),
        ("msiar:MsiPatchInstallable", MetadataRule::MsiPatchInstallable),
        ("msiar:MsiApplicationInstalled", MetadataRule::MsiApplicationInstalled),
        ("msiar:MsiApplicationSuperseded", MetadataRule::MsiApplicationSuperseded),
        ("msiar:MsiApplicationInstallable", MetadataRule::MsiApplicationInstallable),
        ("drv:WindowsDriverInstalled", MetadataRule::WindowsDriverInstalled),
        ("drv:WindowsDriverSuperseded", MetadataRule::WindowsDriverSuperseded),
        ("drv:WindowsDriverInstallable", MetadataRule::WindowsDriverInstallable),
    ] {
        assert_eq!(rule(&format!("<{name}/>")), Rule::Metadata { asks });
    }
}

#[test]
fn what_does_not_follow_the_schema_is_kept_as_it_is() {
    for xml in [
        r#"<bar:Strange A="1"/>"#.to_owned(),
        r#"<x:And xmlns:x="urn:x"><lar:True/></x:And>"#.to_owned(),
        "<lar:And/>".to_owned(),
        "<lar:Not><lar:True/><lar:True/></lar:Not>".to_owned(),
        r#"<bar:Processor/>"#.to_owned(),
        r#"<bar:Processor Architecture="x64"/>"#.to_owned(),
        r#"<bar:WindowsVersion Comparison="NotEqualTo" MajorVersion="6"/>"#.to_owned(),
        r#"<bar:FileVersion Path="x" Comparison="LessThan" Version="1.0.0.0.0"/>"#.to_owned(),
        r#"<bar:FileCreated Path="x" Comparison="LessThan"/>"#.to_owned(),
        r#"<bar:RegKeyExists Key="HKEY_CURRENT_USER" Subkey="s"/>"#.to_owned(),
        format!(r#"<bar:RegValueExists {REG} Type="REG_LINK"/>"#),
        "<msiar:MsiFeatureInstalledForProduct/>".to_owned(),
    ] {
        let Rule::Unrecognised(kept) = rule(&xml) else { panic!("{xml} was understood") };
        assert!(xml.contains(&kept.name), "{xml}");
    }
}

#[test]
fn missing_and_empty_rules_are_none() {
    let mut package = Package::new(1);
    package.rules = "<sdp:IsInstallable/>".to_owned();
    package.item = "<sdp:ApplicabilityRules><sdp:IsInstalled/><sdp:IsSuperseded><lar:False/></sdp:IsSuperseded></sdp:ApplicabilityRules>".to_owned();
    let update = update(&package);
    let item = &update.detail.items[0];
    assert_eq!((&update.detail.is_installable, &update.detail.is_installed), (&None, &None));
    assert_eq!((&item.is_installed, &item.is_superseded, &item.is_installable), (&None, &Some(Rule::False), &None));
}
