//! Generated payloads and the SDP catalogues that name them (SoftwareDistributionPackage.xsd).

use std::{
    fs::File,
    io::{BufWriter, Write as _},
};

use anyhow::{Context as _, Result};
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use camino::Utf8Path;

/// A file that the vendor publishes.
pub(crate) struct Payload {
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) sha1: String,
    pub(crate) sha256_hex: String,
    sha256: String,
}

/// Writes files with content that no two share.
pub(crate) fn payloads(folder: &Utf8Path, sizes: &[(usize, usize)]) -> Result<Vec<Payload>> {
    let mut payloads = Vec::new();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for &(count, size) in sizes {
        for _ in 0..count {
            let mut bytes = Vec::with_capacity(size + 8);
            while bytes.len() < size {
                // xorshift64*: fast, and compresses as badly as real payloads do.
                seed ^= seed >> 12;
                seed ^= seed << 25;
                seed ^= seed >> 27;
                bytes.extend_from_slice(&seed.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
            }
            bytes.truncate(size);
            let name = format!("file{:06}.bin", payloads.len());
            std::fs::write(folder.join(&name), &bytes).with_context(|| format!("write {name}"))?;
            let sha256 = digest::digest(&digest::SHA256, &bytes);
            payloads.push(Payload {
                name,
                size,
                sha1: STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes)),
                sha256: STANDARD.encode(sha256),
                sha256_hex: sha256.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            });
        }
    }
    Ok(payloads)
}

const HEAD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<smc:SystemsManagementCatalog xmlns:smc="http://schemas.microsoft.com/sms/2005/04/CorporatePublishing/SystemsManagementCatalog.xsd" xmlns:sdp="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/SoftwareDistributionPackage.xsd" xmlns:cmd="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/Installers/CommandLineInstallation.xsd" xmlns:bar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/BaseApplicabilityRules.xsd" xmlns:lar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/LogicalApplicabilityRules.xsd">
"#;

/// A catalogue with one package a payload, `per_bulletin` of them to a bulletin.
pub(crate) fn write(path: &Utf8Path, base_url: &str, payloads: &[Payload], per_bulletin: usize) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(HEAD.as_bytes())?;
    for (index, file) in payloads.iter().enumerate() {
        let additional = format!(r#"<sdp:AdditionalDigest Algorithm="SHA256">{}</sdp:AdditionalDigest>"#, file.sha256);
        entry(
            &mut out,
            index,
            index / per_bulletin,
            &format!("{base_url}/{}", file.name),
            &file.name,
            file.size,
            &file.sha1,
            &additional,
        )?;
    }
    out.write_all(b"</smc:SystemsManagementCatalog>\n")?;
    out.flush()?;
    Ok(())
}

/// A catalogue of `count` updates without payloads, for imports.
pub(crate) fn write_many(path: &Utf8Path, count: usize) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(HEAD.as_bytes())?;
    for index in 0..count {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &index.to_le_bytes());
        let name = format!("sp{index}.exe");
        let url = format!("http://vendor.example/{name}");
        entry(&mut out, index, index / 4, &url, &name, 1_000_000 + index, &STANDARD.encode(digest), "")?;
    }
    out.write_all(b"</smc:SystemsManagementCatalog>\n")?;
    out.flush()?;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "one catalogue entry has that many facts")]
fn entry(
    out: &mut impl std::io::Write,
    index: usize,
    bulletin: usize,
    url: &str,
    name: &str,
    size: usize,
    sha1: &str,
    additional: &str,
) -> Result<()> {
    let id = format!("00000000-0000-4000-8000-{index:012x}");
    writeln!(
        out,
        r#"<smc:SoftwareDistributionPackage SchemaVersion="1.1"><sdp:Properties PackageID="{id}" CreationDate="2026-10-01T08:00:00Z" VendorName="Bench Vendor"><sdp:MoreInfoUrl>http://vendor.example/{index}</sdp:MoreInfoUrl><sdp:ProductName>Bench Product</sdp:ProductName></sdp:Properties><sdp:LocalizedProperties><sdp:Language>en</sdp:Language><sdp:Title>Update {index}</sdp:Title><sdp:Description>Generated update number {index}, to measure with.</sdp:Description></sdp:LocalizedProperties><sdp:UpdateSpecificData MsrcSeverity="Important" UpdateClassification="Security Updates"><sdp:SecurityBulletinID>B-{bulletin:07}</sdp:SecurityBulletinID><sdp:CveID>CVE-2026-{index}</sdp:CveID></sdp:UpdateSpecificData><sdp:IsInstallable><lar:And><bar:WindowsVersion Comparison="GreaterThanOrEqualTo" MajorVersion="10" MinorVersion="0"/><bar:Processor Architecture="9"/></lar:And></sdp:IsInstallable><sdp:InstallableItem ID="10000000-0000-4000-8000-{index:012x}"><sdp:ApplicabilityRules><sdp:IsInstalled><bar:RegSz Key="HKEY_LOCAL_MACHINE" Subkey="SOFTWARE\Bench\{index}" Value="Version" Comparison="EqualTo" Data="1.0"/></sdp:IsInstalled></sdp:ApplicabilityRules><sdp:InstallProperties RebootBehavior="CanRequestReboot"/><cmd:CommandLineInstallerData Program="{name}" Arguments="/s" DefaultResult="Failed"><cmd:ReturnCode Code="0" Result="Succeeded"/></cmd:CommandLineInstallerData><sdp:OriginFile Digest="{sha1}" FileName="{name}" Size="{size}" Modified="2026-10-01T08:00:00Z" OriginUri="{url}">{additional}</sdp:OriginFile></sdp:InstallableItem></smc:SoftwareDistributionPackage>"#
    )?;
    Ok(())
}
