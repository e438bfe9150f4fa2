//! Every element of FEEDS.md 1.2.

use patchwharf_model::{
    Severity, Sha1, Sha256,
    installable::{Handler, Impact, InstallResult, Metadata, RebootBehavior},
    update::{PublicationState, UpdateType, VendorDigest},
};

use super::{Package, guid, update};

const SHA256: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

#[test]
fn the_properties_of_a_package_are_kept() {
    let mut package = Package::new(0x2a);
    package.properties = format!(
        r#"PackageID="{{{}}}" CreationDate="2026-03-04T05:06:07" VendorName="V" UpdateType="Driver" PublicationState="Expired" CanSourceBeRequired="true" RestrictToClientServicingApi="false""#,
        guid(0x2a).to_uppercase()
    );
    package.about = format!(
        r#"<sdp:LocalizedProperties><sdp:Language>de</sdp:Language><sdp:Title>Kran</sdp:Title><sdp:Description>Hebt</sdp:Description></sdp:LocalizedProperties>
        <sdp:UpdateSpecificData UpdateClassification="Critical Updates" MsrcSeverity="Critical">
        <sdp:SecurityBulletinID>MS26-001</sdp:SecurityBulletinID><sdp:CveID>2026-0002</sdp:CveID><sdp:CveID>cve-2026-0001</sdp:CveID><sdp:KBArticleID>5000001</sdp:KBArticleID></sdp:UpdateSpecificData>
        <sdp:SupersededPackages><sdp:PackageID>{}</sdp:PackageID><sdp:PackageID>{}</sdp:PackageID></sdp:SupersededPackages>
        <sdp:Prerequisites><sdp:AtLeastOne><sdp:PackageID>{}</sdp:PackageID><sdp:PackageID>{}</sdp:PackageID></sdp:AtLeastOne></sdp:Prerequisites>
        <sdp:Prerequisites><sdp:AtLeastOne><sdp:PackageID>{}</sdp:PackageID></sdp:AtLeastOne></sdp:Prerequisites>
        <sdp:BundledPackages><sdp:PackageID>{}</sdp:PackageID></sdp:BundledPackages>"#,
        guid(0x2a),
        guid(9),
        guid(3),
        guid(4),
        guid(5),
        guid(6)
    );
    let update = update(&package);
    assert_eq!(update.key, guid(0x2a), "one spelling: lower case, no braces");
    assert_eq!(update.bulletin, "MS26-001");
    assert_eq!(update.revised.to_string(), "2026-03-04T05:06:07Z");
    assert_eq!((update.vendor.as_str(), update.products.as_slice()), ("V", &["Crane".to_owned()][..]));
    assert_eq!((update.update_type, update.publication), (UpdateType::Driver, PublicationState::Expired));
    assert_eq!((update.classification.as_str(), update.severity), ("Critical Updates", Severity::Critical));
    assert_eq!(update.cves, ["CVE-2026-0001", "CVE-2026-0002"]);
    assert_eq!(update.kbs, ["5000001"]);
    assert_eq!((update.title.as_str(), update.description.as_str()), ("Crane driver", "Lifts <more> & faster"));
    assert_eq!(update.supersedes, [guid(9)], "not itself; the other need not exist");
    assert_eq!(update.detail.prerequisites, [vec![guid(3), guid(4)], vec![guid(5)]]);
    assert_eq!(update.detail.bundled, [guid(6)]);
    assert_eq!(update.detail.localized[0].title, "Kran");
    assert_eq!(update.detail.extra["CanSourceBeRequired"], "true");
    assert_eq!(update.detail.extra["SchemaVersion"], "1.2");
}

#[test]
fn a_bulletin_is_named_by_its_id_else_by_its_kb_else_by_the_package() {
    let mut package = Package::new(1);
    assert_eq!(update(&package).bulletin, "kb1");
    package.about = r#"<sdp:ApplicationSpecificData/>"#.to_owned();
    let application = update(&package);
    assert_eq!((application.bulletin, application.classification.as_str()), (guid(1), "Applications"));
    assert_eq!((application.severity, application.kbs.len()), (Severity::NotRated, 0));
}

#[test]
fn links_are_kept_only_if_they_are_web_addresses() {
    let mut package = Package::new(1);
    package.about =
        package.about.replace("<sdp:Update", "<sdp:UpdateSpecificData UpdateClassification=\"Tools\"/><sdp:Update");
    let document = package.document().replace(
        "<sdp:ProductName>",
        "<sdp:MoreInfoUrl>javascript:alert(1)</sdp:MoreInfoUrl><sdp:MoreInfoUrl>http://v.example/r</sdp:MoreInfoUrl><sdp:SupportUrl>HTTPS://v.example/</sdp:SupportUrl><sdp:ProductName>",
    );
    assert_eq!(super::read(document).updates[0].urls, ["http://v.example/r", "HTTPS://v.example/"]);
}

#[test]
fn sha_256_is_preferred_to_sha_1_and_both_are_kept() {
    let mut package = Package::new(1);
    let weak = update(&package);
    assert!(matches!(weak.files[0].digest, VendorDigest::Sha1(Sha1([0xa9, ..]))));
    assert_eq!(weak.files[0].url.as_deref(), Some("https://vendor.example/setup1.exe"));
    package.file = package.file.replace(
        "/>",
        &format!("><sdp:AdditionalDigest Algorithm=\"SHA256\">{SHA256}</sdp:AdditionalDigest></sdp:OriginFile>"),
    );
    let strong = update(&package);
    let VendorDigest::Sha256(Sha256(bytes)) = strong.files[0].digest else { panic!("{:?}", strong.files) };
    assert_eq!(bytes[..2], [0xe3, 0xb0]);
    let origin = strong.detail.items[0].file.as_ref().unwrap();
    assert!(origin.sha1.is_some() && origin.sha256.is_some());
    assert_eq!(origin.modified.unwrap().to_string(), "2026-03-01T00:00:00Z");
}

#[test]
fn a_file_without_a_web_address_needs_a_person() {
    let mut package = Package::new(1);
    for other in ["", "OriginUri=\"ftp://v.example/x\"", "OriginUri=\"file:///etc/passwd\"", "OriginUri=\"gopher://x\""]
    {
        package.file = Package::new(1).file.replace("OriginUri=\"https://vendor.example/setup1.exe\"", other);
        assert_eq!(update(&package).files[0].url, None, "{other}");
    }
}

#[test]
fn the_same_file_in_two_languages_is_one_file() {
    let mut package = Package::new(1);
    package.file += "<sdp:Language>en</sdp:Language><sdp:Language>de</sdp:Language>";
    let second = format!(
        "</sdp:InstallableItem><sdp:InstallableItem ID=\"{}\">{}<sdp:Language>fr</sdp:Language>",
        guid(77),
        Package::new(1).file
    );
    package.file += &second;
    let update = update(&package);
    assert_eq!((update.detail.items.len(), update.files.len()), (2, 1));
    assert_eq!(update.files[0].languages, ["de", "en", "fr"]);
}

#[test]
fn command_lines_keep_their_own_table_of_return_codes() {
    let mut package = Package::new(1);
    package.item = r#"<sdp:InstallProperties CanRequestUserInput="1" RequiresNetworkConnectivity="true" Impact="RequiresExclusiveHandling" RebootBehavior="AlwaysRequiresReboot"/>
      <sdp:UninstallProperties/>
      <cmd:CommandLineInstallerData Program="setup.exe" Arguments="/s &quot;x&quot;" DefaultResult="Cancelled" RebootByDefault="true">
        <cmd:ReturnCode Code="0" Result="Succeeded"/>
        <cmd:ReturnCode Code="-522190592" Result="Failed" Reboot="true"><cmd:LocalizedDescription><cmd:Language>en</cmd:Language><cmd:Description>Broken</cmd:Description></cmd:LocalizedDescription></cmd:ReturnCode>
        <cmd:WindowsInstallerRepairPath TargetId="{A}" TargetType="MsiPatch" RelativePathToExe="x\y.exe"/>
      </cmd:CommandLineInstallerData>"#.to_owned();
    let update = update(&package);
    let item = &update.detail.items[0];
    let install = item.install.unwrap();
    assert!(install.can_request_user_input && install.requires_network);
    assert_eq!(
        (install.impact, install.reboot),
        (Impact::RequiresExclusiveHandling, RebootBehavior::AlwaysRequiresReboot)
    );
    assert_eq!(item.uninstall.unwrap().reboot, RebootBehavior::CanRequestReboot);
    let Some(Handler::CommandLine(command)) = &item.handler else { panic!("{item:?}") };
    assert_eq!((command.program.as_str(), command.arguments.as_str()), ("setup.exe", "/s \"x\""));
    assert_eq!(command.meaning(0), (InstallResult::Succeeded, false));
    assert_eq!(command.meaning(-522_190_592), (InstallResult::Failed, true));
    assert_eq!(command.meaning(1603), (InstallResult::Cancelled, true), "unlisted");
    assert_eq!(command.return_codes[1].descriptions[0].text, "Broken");
    assert!(command.repair_paths[0].is_patch);
}

#[test]
fn other_handlers_and_metadata_are_kept_too() {
    let with = |item: &str| {
        let mut package = Package::new(1);
        package.item = item.to_owned();
        update(&package).detail.items.remove(0)
    };
    let msi = with(
        r#"<msi:MsiInstallerData MsiFile="a.msi" ProductCode="{P}" CommandLine="A=1" UninstallCommandLine="B=2"/>"#,
    );
    assert!(
        matches!(msi.handler, Some(Handler::Msi(msi)) if msi.file == "a.msi" && msi.uninstall_command_line == "B=2")
    );
    let msp = with(
        r#"<msp:MspInstallerData PatchCode="{X}"><msp:MspFileName>a.msp</msp:MspFileName></msp:MspInstallerData>"#,
    );
    assert!(
        matches!(msp.handler, Some(Handler::Msp(msp)) if msp.file == "a.msp" && msp.patch.as_deref() == Some("{X}"))
    );
    let other = with(r#"<u:Magic xmlns:u="urn:u" Wand="w"><u:Spell>s</u:Spell></u:Magic>"#);
    let Some(Handler::Unrecognised(markup)) = other.handler else { panic!("{other:?}") };
    assert_eq!((markup.namespace.as_str(), markup.attributes["Wand"].as_str()), ("urn:u", "w"));
    assert_eq!(markup.children[0].text, "s");
    let driver = with(
        r#"<sdp:ApplicabilityRules><sdp:Metadata>
        <drv:WindowsDriverMetaData HardwareID="pci\ven_1" DriverVerDate="2026-01-01" DriverVerVersion="1.2.3.4" WhqlDriverID="7" Class="Video" Company="c" Provider="p" Manufacturer="m" Model="o"><drv:CompatibleProvider>q</drv:CompatibleProvider></drv:WindowsDriverMetaData>
        <msiar:MsiApplicationMetadata><msiar:ProductCode>{P}</msiar:ProductCode></msiar:MsiApplicationMetadata>
        <msiar:MsiPatchMetadata><b:MsiPatch xmlns:b="http://www.microsoft.com/msi/patch_applicability.xsd" PatchGUID="{G}"/></msiar:MsiPatchMetadata>
        </sdp:Metadata></sdp:ApplicabilityRules>"#,
    );
    let [Metadata::WindowsDriver(driver), Metadata::MsiApplication { product }, Metadata::Other(blob)] =
        driver.metadata.as_slice()
    else {
        panic!("{driver:?}")
    };
    assert_eq!((driver.whql_id, driver.compatible_providers[0].as_str(), product.as_str()), (7, "q", "{P}"));
    assert_eq!(blob.children[0].attributes["PatchGUID"], "{G}");
}

#[test]
fn updates_survive_json() {
    let mut package = Package::new(1);
    package.item = r#"<cmd:CommandLineInstallerData Program="p"/>"#.to_owned();
    package.rules = "<sdp:IsInstallable><lar:Not><bar:Strange A=\"1\"/></lar:Not></sdp:IsInstallable>".to_owned();
    let update = update(&package);
    let text = serde_json::to_string(&update).unwrap();
    assert_eq!(serde_json::from_str::<patchwharf_model::update::UpdateItem>(&text).unwrap(), update);
}
