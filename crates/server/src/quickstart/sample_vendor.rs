//! The built-in sample vendor: a small SDP catalogue and its payloads, served on loopback, for machines without a
//! security archive within reach.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use patchwharf_trust::digest;

/// The catalogue's name below the vendor's URL.
pub(crate) const CATALOGUE: &str = "sample-catalogue.xml";

/// A bulletin of the sample vendor: name, severity, title, and its files with their sizes.
type Sample = (&'static str, &'static str, &'static str, &'static [(&'static str, usize)]);

const BULLETINS: [Sample; 4] = [
    (
        "PW26-001",
        "Critical",
        "Security update for the sample mail reader",
        &[("mail-x64.msi", 1_500_000), ("mail-x86.msi", 1_300_000)],
    ),
    ("PW26-002", "Important", "Security update for the sample viewer", &[("viewer.exe", 2_100_000)]),
    (
        "PW26-003",
        "Moderate",
        "Update for the sample runtime",
        &[("runtime-1.exe", 700_000), ("runtime-2.exe", 640_000), ("runtime-3.exe", 90_000)],
    ),
    ("PW26-004", "Low", "Update for the sample fonts", &[("fonts.cab", 48_000)]),
];

/// Serves the sample vendor until the process ends.
///
/// The port of `wanted` is used when it is free, so that a second start finds the vendor where the first one left it.
pub(crate) async fn serve(wanted: SocketAddr) -> Result<SocketAddr> {
    let listener = match tokio::net::TcpListener::bind(wanted).await {
        Ok(listener) => listener,
        Err(_) => tokio::net::TcpListener::bind((wanted.ip(), 0)).await.context("listen for the sample vendor")?,
    };
    let address = listener.local_addr()?;
    let files = Arc::new(files(&format!("http://{address}")));
    let router = Router::new().route("/{file}", get(file)).with_state(files);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the sample vendor stopped");
        }
    });
    Ok(address)
}

type Files = Arc<BTreeMap<String, Bytes>>;

async fn file(State(files): State<Files>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(bytes) = files.get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{}\"", digest::sha256(bytes));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    ([(header::ETAG, etag)], bytes.clone()).into_response()
}

/// Every file of the vendor by name. The bytes are the same on every machine, so a second import finds nothing changed.
fn files(base_url: &str) -> BTreeMap<String, Bytes> {
    let mut files: BTreeMap<String, Bytes> = BULLETINS
        .iter()
        .flat_map(|(bulletin, _, _, files)| files.iter().map(move |(name, size)| (*bulletin, *name, *size)))
        .map(|(bulletin, name, size)| (name.to_owned(), payload(bulletin, name, size)))
        .collect();
    let catalogue = catalogue(base_url, &files);
    files.insert(CATALOGUE.to_owned(), catalogue.into());
    files
}

/// Content that says what it is and then repeats a chain of digests.
fn payload(bulletin: &str, name: &str, size: usize) -> Bytes {
    let mut bytes = format!("Patchwharf sample payload {name} of {bulletin}: not a program.\n").into_bytes();
    let mut link = digest::sha256(name.as_bytes());
    while bytes.len() < size {
        bytes.extend_from_slice(&link.0);
        link = digest::sha256(&link.0);
    }
    bytes.truncate(size);
    bytes.into()
}

/// The SDP catalogue (SoftwareDistributionPackage.xsd), one package a file.
fn catalogue(base_url: &str, files: &BTreeMap<String, Bytes>) -> String {
    let mut xml = String::from(
        r#"<?xml version="1.0" encoding="utf-8"?>
<smc:SystemsManagementCatalog xmlns:smc="http://schemas.microsoft.com/sms/2005/04/CorporatePublishing/SystemsManagementCatalog.xsd" xmlns:sdp="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/SoftwareDistributionPackage.xsd" xmlns:cmd="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/Installers/CommandLineInstallation.xsd" xmlns:bar="http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/BaseApplicabilityRules.xsd">
"#,
    );
    let mut number = 0;
    for (bulletin, severity, title, names) in BULLETINS {
        for (name, _) in names {
            number += 1;
            let Some(bytes) = files.get(*name) else { continue };
            let size = bytes.len();
            let sha1 = STANDARD.encode(digest::sha1(bytes).0);
            let sha256 = STANDARD.encode(digest::sha256(bytes).0);
            let _ = writeln!(
                xml,
                r#"<smc:SoftwareDistributionPackage SchemaVersion="1.1">
  <sdp:Properties PackageID="5a3e0000-0000-4000-8000-{number:012}" CreationDate="2026-11-10T09:00:00Z" VendorName="Patchwharf sample vendor"><sdp:ProductName>Sample products</sdp:ProductName></sdp:Properties>
  <sdp:LocalizedProperties><sdp:Language>en</sdp:Language><sdp:Title>{title}: {name}</sdp:Title><sdp:Description>A sample to try the server with. It installs nothing.</sdp:Description></sdp:LocalizedProperties>
  <sdp:UpdateSpecificData MsrcSeverity="{severity}" UpdateClassification="Security Updates"><sdp:SecurityBulletinID>{bulletin}</sdp:SecurityBulletinID></sdp:UpdateSpecificData>
  <sdp:InstallableItem ID="5a3e0000-0000-4000-8001-{number:012}">
    <sdp:ApplicabilityRules><sdp:IsInstalled><bar:RegKeyExists Key="HKEY_LOCAL_MACHINE" Subkey="SOFTWARE\Sample\{bulletin}"/></sdp:IsInstalled></sdp:ApplicabilityRules>
    <sdp:InstallProperties/>
    <cmd:CommandLineInstallerData Program="{name}" Arguments="/quiet" DefaultResult="Failed"><cmd:ReturnCode Code="0" Result="Succeeded"/></cmd:CommandLineInstallerData>
    <sdp:OriginFile Digest="{sha1}" FileName="{name}" Size="{size}" Modified="2026-11-10T09:00:00Z" OriginUri="{base_url}/{name}"><sdp:AdditionalDigest Algorithm="SHA256">{sha256}</sdp:AdditionalDigest></sdp:OriginFile>
  </sdp:InstallableItem>
</smc:SoftwareDistributionPackage>"#
            );
        }
    }
    xml.push_str("</smc:SystemsManagementCatalog>\n");
    xml
}
