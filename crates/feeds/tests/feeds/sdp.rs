mod catalogue;
mod elements;
mod hostile;
mod mutation;
mod real;
mod refused;
mod rules;

use patchwharf_feeds::{FeedError, Limits, sdp};
use patchwharf_model::{
    catalogue::{Frame, Rejected},
    update::UpdateItem,
};

use crate::raw_cabinet::{RawCabinet, file};

pub(crate) const NAMESPACES: &str = r#"xmlns:smc="http://schemas.microsoft.com/sms/2005/04/CorporatePublishing/SystemsManagementCatalog.xsd"
 xmlns="http://www.w3.org/2001/XMLSchema"
 xmlns:sdp="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/SoftwareDistributionPackage.xsd"
 xmlns:bar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/BaseApplicabilityRules.xsd"
 xmlns:lar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/LogicalApplicabilityRules.xsd"
 xmlns:msiar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/MsiApplicabilityRules.xsd"
 xmlns:cmd="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/Installers/CommandLineInstallation.xsd"
 xmlns:msi="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/Installers/MsiInstallation.xsd"
 xmlns:msp="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/Installers/MspInstallation.xsd"
 xmlns:drv="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/Installers/WindowsDriver.xsd""#;

/// A GUID that ends in a number.
pub(crate) fn guid(number: u64) -> String {
    format!("00004850-0000-0000-5350-{number:012x}")
}

/// A package of one file.
pub(crate) struct Package {
    pub(crate) properties: String,
    pub(crate) about: String,
    pub(crate) rules: String,
    pub(crate) item: String,
    pub(crate) file: String,
}

impl Package {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            properties: format!(
                r#"PackageID="{}" CreationDate="2026-03-04T05:06:07Z" VendorName="Wharf &amp; Sons""#,
                guid(number)
            ),
            about: format!(
                r#"<sdp:UpdateSpecificData UpdateClassification="Security Updates" MsrcSeverity="Important"><sdp:KBArticleID>kb{number}</sdp:KBArticleID></sdp:UpdateSpecificData>"#
            ),
            rules: String::new(),
            item: String::new(),
            file: format!(
                r#"<sdp:OriginFile Digest="qZk+NkcGgWq6PiVxeFDCbJzQ2J0=" FileName="setup{number}.exe" Size="1000" Modified="2026-03-01T00:00:00" OriginUri="https://vendor.example/setup{number}.exe"/>"#
            ),
        }
    }

    /// Everything between the tags of the package.
    pub(crate) fn content(&self) -> String {
        let Self { properties, about, rules, item, file } = self;
        format!(
            "<sdp:Properties {properties}><sdp:ProductName>Crane</sdp:ProductName></sdp:Properties>\
             <sdp:LocalizedProperties><sdp:Language>en</sdp:Language><sdp:Title>Crane driver</sdp:Title>\
             <sdp:Description>Lifts &lt;more&gt; <![CDATA[& faster]]></sdp:Description></sdp:LocalizedProperties>\
             {about}{rules}<sdp:InstallableItem ID=\"{}\">{item}{file}</sdp:InstallableItem>",
            guid(1 << 40)
        )
    }

    pub(crate) fn document(&self) -> String {
        format!(
            "<sdp:SoftwareDistributionPackage SchemaVersion=\"1.2\" {NAMESPACES}>{}</sdp:SoftwareDistributionPackage>",
            self.content()
        )
    }
}

pub(crate) fn catalogue(packages: &[Package]) -> String {
    let packages: String = packages
        .iter()
        .map(|package| {
            format!(
                "<smc:SoftwareDistributionPackage SchemaVersion=\"1.2\">{}</smc:SoftwareDistributionPackage>\n",
                package.content()
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<smc:SystemsManagementCatalog {NAMESPACES}>\n{packages}</smc:SystemsManagementCatalog>\n"
    )
}

/// A stored cabinet of small files.
pub(crate) fn cabinet(files: &[(&str, &str)]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut entries = Vec::new();
    for (name, content) in files {
        entries.push(file(name, data.len() as u32, content.len() as u32));
        data.extend(content.as_bytes());
    }
    let blocks: Vec<u8> = data.chunks(32_768).flat_map(crate::raw_cabinet::stored).collect();
    let count = data.len().div_ceil(32_768) as u16;
    RawCabinet { folders: vec![crate::raw_cabinet::folder(blocks, count)], files: entries, ..RawCabinet::default() }
        .bytes()
}

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) updates: Vec<UpdateItem>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) ended: bool,
}

pub(crate) fn read_with(bytes: &[u8], limits: &Limits) -> (Outcome, Result<(), FeedError>) {
    let mut outcome = Outcome::default();
    let mut heads = 0;
    let result = sdp::read("test", bytes, limits, &mut |frame| {
        assert!(!outcome.ended, "a frame after the end");
        match frame {
            Frame::Head(_) => heads += 1,
            Frame::Update(update) => outcome.updates.push(*update),
            Frame::Rejected(rejected) => outcome.rejected.push(rejected),
            Frame::End { updates, rejected } => {
                assert_eq!((updates, rejected), (outcome.updates.len() as u64, outcome.rejected.len() as u64));
                outcome.ended = true;
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    });
    assert_eq!(outcome.ended, result.is_ok());
    assert!(heads <= 1);
    (outcome, result)
}

pub(crate) fn read(bytes: impl AsRef<[u8]>) -> Outcome {
    let (outcome, result) = read_with(bytes.as_ref(), &Limits::default());
    result.unwrap();
    outcome
}

pub(crate) fn refusal(bytes: impl AsRef<[u8]>) -> FeedError {
    read_with(bytes.as_ref(), &Limits::default()).1.expect_err("it was read")
}

/// The only update of a document.
pub(crate) fn update(package: &Package) -> UpdateItem {
    let mut outcome = read(package.document());
    assert_eq!(outcome.rejected, []);
    assert_eq!(outcome.updates.len(), 1);
    outcome.updates.remove(0)
}
