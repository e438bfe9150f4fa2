//! The XML of an update. Its prefixes are not those of real catalogues, which a reader must not mind.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Item, Update};

const NAMESPACES: &str = concat!(
    r#" xmlns:p="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/SoftwareDistributionPackage.xsd""#,
    r#" xmlns:bar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/BaseApplicabilityRules.xsd""#,
    r#" xmlns:lar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/LogicalApplicabilityRules.xsd""#,
    r#" xmlns:msiar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/MsiApplicabilityRules.xsd""#,
    r#" xmlns:run="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/Installers/CommandLineInstallation.xsd""#,
);
const CATALOGUE: &str = "http://schemas.microsoft.com/sms/2005/04/CorporatePublishing/SystemsManagementCatalog.xsd";

/// Text as XML content or attribute value.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(super) fn catalogue(out: &mut dyn Write, updates: &mut dyn Iterator<Item = Update>) -> io::Result<()> {
    out.write_all("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".as_bytes())?;
    writeln!(
        out,
        r#"<c:SystemsManagementCatalog xmlns="http://www.w3.org/2001/XMLSchema" xmlns:c="{CATALOGUE}"{NAMESPACES}>"#
    )?;
    for update in updates {
        writeln!(out, r#"  <c:SoftwareDistributionPackage SchemaVersion="1.0">"#)?;
        body(out, &update)?;
        writeln!(out, "  </c:SoftwareDistributionPackage>")?;
    }
    writeln!(out, "</c:SystemsManagementCatalog>")
}

pub(super) fn single(out: &mut dyn Write, update: &Update) -> io::Result<()> {
    out.write_all("\u{feff}".as_bytes())?;
    writeln!(out, r#"<p:SoftwareDistributionPackage SchemaVersion="1.2"{NAMESPACES}>"#)?;
    body(out, update)?;
    writeln!(out, "</p:SoftwareDistributionPackage>")
}

fn body(out: &mut dyn Write, update: &Update) -> io::Result<()> {
    let state = if update.expired { r#" PublicationState="Expired""# } else { "" };
    writeln!(
        out,
        r#"    <p:Properties PackageID="{}" CreationDate="{}" VendorName="{}" UpdateType="{}"{state}>"#,
        update.id,
        escape(&update.created),
        escape(&update.vendor),
        escape(&update.update_type)
    )?;
    writeln!(out, "      <p:MoreInfoUrl>http://vendor.example/{}</p:MoreInfoUrl>", update.id)?;
    texts(out, "ProductName", &update.products)?;
    writeln!(out, "    </p:Properties>")?;
    writeln!(
        out,
        "    <p:LocalizedProperties><p:Language>en</p:Language><p:Title>{}</p:Title><p:Description>{}</p:Description></p:LocalizedProperties>",
        escape(&update.title),
        escape(&update.description)
    )?;
    let severity = update.severity.as_ref().map_or(String::new(), |s| format!(r#" MsrcSeverity="{}""#, escape(s)));
    writeln!(out, r#"    <p:UpdateSpecificData UpdateClassification="{}"{severity}>"#, escape(&update.classification))?;
    texts(out, "SecurityBulletinID", update.bulletin.as_slice())?;
    texts(out, "CveID", &update.cves)?;
    texts(out, "KBArticleID", update.kb.as_slice())?;
    writeln!(out, "    </p:UpdateSpecificData>")?;
    for (name, rule) in [("IsInstallable", &update.is_installable), ("IsInstalled", &update.is_installed)] {
        if let Some(rule) = rule {
            writeln!(out, "    <p:{name}>{rule}</p:{name}>")?;
        }
    }
    if !update.supersedes.is_empty() {
        writeln!(out, "    <p:SupersededPackages>")?;
        texts(out, "PackageID", &update.supersedes)?;
        writeln!(out, "    </p:SupersededPackages>")?;
    }
    if !update.prerequisites.is_empty() {
        writeln!(out, "    <p:Prerequisites>")?;
        for one_of in &update.prerequisites {
            writeln!(out, "    <p:AtLeastOne>")?;
            texts(out, "PackageID", one_of)?;
            writeln!(out, "    </p:AtLeastOne>")?;
        }
        writeln!(out, "    </p:Prerequisites>")?;
    }
    for (number, entry) in update.items.iter().enumerate() {
        item(out, update, number, entry)?;
    }
    Ok(())
}

fn texts<T: ToString>(out: &mut dyn Write, name: &str, values: &[T]) -> io::Result<()> {
    values.iter().try_for_each(|value| writeln!(out, "      <p:{name}>{}</p:{name}>", escape(&value.to_string())))
}

fn item(out: &mut dyn Write, update: &Update, number: usize, item: &Item) -> io::Result<()> {
    let id = uuid::Uuid::from_u128(update.id.as_u128() ^ (1 << 120) ^ number as u128);
    writeln!(out, r#"    <p:InstallableItem ID="{id}">"#)?;
    writeln!(
        out,
        "      <p:ApplicabilityRules><p:IsInstalled><lar:False/></p:IsInstalled><p:IsInstallable><lar:True/></p:IsInstallable></p:ApplicabilityRules>"
    )?;
    writeln!(out, r#"      <p:InstallProperties CanRequestUserInput="false" RebootBehavior="CanRequestReboot"/>"#)?;
    writeln!(
        out,
        r#"      <run:CommandLineInstallerData Program="{}" Arguments="/quiet" DefaultResult="Failed"><run:ReturnCode Code="0" Result="Succeeded" Reboot="false"/><run:ReturnCode Code="3010" Result="Succeeded" Reboot="true"/></run:CommandLineInstallerData>"#,
        escape(&item.name)
    )?;
    let url = item.url.as_ref().map_or(String::new(), |url| format!(r#" OriginUri="{}""#, escape(url)));
    writeln!(
        out,
        r#"      <p:OriginFile Digest="{}" FileName="{}" Size="{}" Modified="2026-10-31T00:00:00"{url}>"#,
        STANDARD.encode(item.sha1),
        escape(&item.name),
        item.size_bytes
    )?;
    if let Some(sha256) = item.sha256 {
        let digest = STANDARD.encode(sha256);
        writeln!(out, r#"        <p:AdditionalDigest Algorithm="SHA256">{digest}</p:AdditionalDigest>"#)?;
    }
    writeln!(out, "      </p:OriginFile>")?;
    texts(out, "Language", &item.languages)?;
    writeln!(out, "    </p:InstallableItem>")
}
