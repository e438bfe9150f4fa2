//! Catalogues of both kinds, bare and packed, with every rule and handler in them.

use patchwharf_testkit::{
    Payload,
    cab::{Method, cabinet, without_checksums},
    sdp::{Catalogue, Item, Update, update_number},
};

use crate::{Seed, seed};

const KEY: &str = r#"Key="HKEY_LOCAL_MACHINE" Subkey="Software\X""#;

pub(crate) fn seeds() -> Vec<Seed> {
    let mut update = Update::new(2, "PW26-002").supersedes([1]).item(item("setup.exe"));
    update.prerequisites = vec![vec![update_number(3), update_number(4)]];
    update.is_installed = Some("<lar:And><lar:True/><lar:Not><lar:False/></lar:Not></lar:And>".into());
    update.is_installable = Some(format!("<lar:Or>{}</lar:Or>", rules()));
    let mut expired = Update::new(3, "PW26-002").item(item("old.msi").sha1_only());
    expired.expired = true;
    let all = Catalogue::new([Update::new(1, "PW26-001"), update.clone(), expired]);
    let one = Catalogue::new([update]);

    let mut seeds = vec![seed("catalogue", all.v1_xml()), seed("handlers", handlers(&one))];
    for depth in 58..=61 {
        let deep = Catalogue::new([nested(depth)]);
        seeds.push(seed(&format!("nested-v1-{depth}"), deep.v1_xml()));
        seeds.push(seed(&format!("nested-v2-{depth}"), without_checksums(deep.v2_cab(Method::Stored))));
    }
    for (name, method) in [("stored", Method::Stored), ("mszip", Method::Mszip), ("lzx", Method::Lzx)] {
        seeds.push(seed(&format!("v1-{name}"), without_checksums(one.v1_cab(method))));
        seeds.push(seed(&format!("v2-{name}"), without_checksums(all.v2_cab(method))));
    }
    let strange = [("readme.txt", &b"no catalogue"[..]), ("V2/broken.sdp", b"<p"), ("c.xml", &one.v1_xml())];
    seeds.push(seed("mixed", without_checksums(cabinet(Method::Stored, &strange))));
    seeds
}

fn item(name: &str) -> Item {
    let mut item = Item::new(&Payload::random(name, 10), Some(format!("https://vendor.example/{name}")));
    item.languages = vec!["en".into(), "de".into()];
    item
}

/// One rule of each kind.
fn rules() -> String {
    let of_files = ["", "PrependRegSz"].map(|suffix| {
        let place = if suffix.is_empty() { r#"Csidl="37""#.to_owned() } else { format!(r#"{KEY} Value="Dir""#) };
        format!(
            r#"<bar:FileExists{suffix} Path="a\b.dll" {place} Version="1.2.3.4" Size="10"/>
            <bar:FileVersion{suffix} Path="x" {place} Comparison="LessThan" Version="1.0.0.0"/>
            <bar:FileSize{suffix} Path="x" {place} Comparison="EqualTo" Size="1"/>
            <bar:FileCreated{suffix} Path="x" {place} Comparison="LessThan" Created="2026-01-01T00:00:00"/>
            <bar:FileModified{suffix} Path="x" {place} Comparison="LessThan" Modified="2026-01-01T00:00:00Z"/>"#
        )
    });
    format!(
        r#"<bar:WindowsVersion Comparison="GreaterThanOrEqualTo" MajorVersion="6" MinorVersion="1" ProductType="3"/>
        <bar:Processor Architecture="9"/><bar:NumberOfProcessors Comparison="GreaterThan" Number="2"/>
        <bar:SystemMetric Comparison="EqualTo" Index="86" Value="-1"/><bar:WindowsLanguage Language="de"/>
        <bar:MuiInstalled/><bar:MuiLanguageInstalled Language="fr"/><bar:ClusteredOS/><bar:InstalledOnce/>
        <bar:ClusterResourceOwner {KEY} Value="V" Prefix="p"/><bar:WmiQuery WqlQuery="select * from X"/>
        <bar:GenericQuery Namespace="n" Type="t" Parameter="p" Comparison="LessThan" Value="1"/>
        <bar:RegKeyExists {KEY} RegType32="true"/><bar:RegValueExists {KEY} Value="v" Type="REG_QWORD"/>
        <bar:RegDword {KEY} Value="" Comparison="EqualTo" Data="4294967295"/>
        <bar:RegSz {KEY} Value="v" Comparison="BeginsWith" Data=" d "/>
        <bar:RegExpandSz {KEY} Value="v" Comparison="EndsWith" Data="d"/>
        <bar:RegSzToVersion {KEY} Value="v" Comparison="LessThan" Data="1.0.0.0"/>
        <bar:RegKeyLoop {KEY} TrueIf="Any"><bar:RegKeyExists Key="HKEY_LOOP_TARGET" Subkey="s"/></bar:RegKeyLoop>
        <msiar:MsiProductInstalled ProductCode="{{0}}" VersionMin="1.0" ExcludeVersionMax="true" Language="1033"/>
        <msiar:MsiPatchInstalledForProduct ProductCode="p" PatchCode="q"/>
        <msiar:MsiFeatureInstalledForProduct AllFeaturesRequired="true"><msiar:Feature>f</msiar:Feature>
        <msiar:Product>p</msiar:Product></msiar:MsiFeatureInstalledForProduct>
        <msiar:MsiComponentInstalledForProduct><msiar:Component>c</msiar:Component><msiar:Product>p</msiar:Product>
        </msiar:MsiComponentInstalledForProduct><msiar:MsiPatchSuperseded/><bar:Unheard Of="it">text</bar:Unheard>{}{}"#,
        of_files[0], of_files[1]
    )
}

/// The other two handlers and their kin in place of the first.
fn handlers(one: &Catalogue) -> Vec<u8> {
    const INSTALLERS: &str = "http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/Installers";
    let text = String::from_utf8(one.v1_xml()).unwrap();
    let (before, rest) = text.split_once("<run:CommandLineInstallerData").unwrap();
    let (_, after) = rest.split_once("</run:CommandLineInstallerData>").unwrap();
    format!(
        r#"{before}<i:MsiInstallerData xmlns:i="{INSTALLERS}/MsiInstallation.xsd" MsiFile="a.msi" ProductCode="{{0}}"/>
        <j:MspInstallerData xmlns:j="{INSTALLERS}/MspInstallation.xsd" PatchCode="c"><j:MspFileName>a.msp</j:MspFileName>
        </j:MspInstallerData><d:WindowsDriverInstallerData xmlns:d="{INSTALLERS}/WindowsDriver.xsd"/>{after}"#
    )
    .into_bytes()
}

/// The rule that becomes the deepest JSON, in so many others.
fn nested(depth: usize) -> Update {
    let mut update = Update::new(1, "PW26-001");
    let rule = format!(r#"<bar:FileExistsPrependRegSz {KEY} Value="Dir" Path="x"/>"#);
    update.is_installable = Some(format!("{}{rule}{}", "<lar:And>".repeat(depth), "</lar:And>".repeat(depth)));
    update
}
