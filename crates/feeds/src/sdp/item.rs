//! Installable items and their files.

use patchwharf_model::{
    FileName, Sha1, Sha256,
    installable::{Impact, InstallProperties, InstallableItem, Metadata, OriginFile, RebootBehavior, WindowsDriver},
    update::{PayloadFile, VendorDigest},
};

use super::{
    element::{BadPackage, Element},
    handler,
    namespace::Namespace::{Drv, Msiar, Sdp},
    package::guid,
    rule, value,
};
use crate::Limits;

pub(super) fn read(element: &Element, limits: &Limits) -> Result<(InstallableItem, Option<PayloadFile>), BadPackage> {
    let languages = element.texts(&Sdp, "Language");
    let file = element.first(&Sdp, "OriginFile").map(|file| origin(file, &languages, limits)).transpose()?;
    let rules = element.first(&Sdp, "ApplicabilityRules");
    let of = |name: &str| rules.map_or(Ok(None), |rules| rule::of(rules, name));
    let (origin, payload) = file.unzip();
    let item = InstallableItem {
        id: guid(element, "ID")?,
        is_installed: of("IsInstalled")?,
        is_superseded: of("IsSuperseded")?,
        is_installable: of("IsInstallable")?,
        metadata: rules
            .and_then(|rules| rules.first(&Sdp, "Metadata"))
            .map(|all| all.children.iter().map(metadata).collect())
            .unwrap_or_default(),
        install: element.first(&Sdp, "InstallProperties").map(properties).transpose()?,
        uninstall: element.first(&Sdp, "UninstallProperties").map(properties).transpose()?,
        handler: element.children.iter().find_map(|child| handler::read(child).transpose()).transpose()?,
        file: origin,
        languages,
    };
    Ok((item, payload))
}

fn origin(file: &Element, languages: &[String], limits: &Limits) -> Result<(OriginFile, PayloadFile), BadPackage> {
    let name = FileName::new(file.string("FileName")?).map_err(|error| BadPackage(error.to_string()))?;
    let refused = |reason: String| BadPackage(format!("file {name:?}: {reason}"));
    let size_bytes = file.needed::<u64>("Size")?;
    if size_bytes == 0 || size_bytes > limits.payload_bytes {
        let most = limits.payload_bytes;
        return Err(refused(format!("its size is {size_bytes} bytes; 1 to {most} are allowed")));
    }
    let sha1 = match file.attribute("Digest") {
        None | Some("") => None,
        Some(text) => Some(Sha1(value::digest(text).ok_or_else(|| {
            refused(format!("Digest is {text:?}: base64 of the 20 bytes of a SHA-1 digest is needed"))
        })?)),
    };
    let sha256 = file
        .all(&Sdp, "AdditionalDigest")
        .find(|digest| digest.attribute("Algorithm") == Some("SHA256"))
        .map(|digest| {
            let reason = "AdditionalDigest is not base64 of the 32 bytes of a SHA-256 digest";
            value::digest(digest.text()).map(Sha256).ok_or_else(|| refused(reason.to_owned()))
        })
        .transpose()?;
    let digest = match (sha256, sha1) {
        (Some(sha256), _) => VendorDigest::Sha256(sha256),
        (None, Some(sha1)) => VendorDigest::Sha1(sha1),
        (None, None) => return Err(refused("it has no digest, so nothing could prove it".to_owned())),
    };
    let url = match file.attribute("OriginUri") {
        Some(url) if url.contains(|c: char| c.is_control() || c.is_whitespace()) => {
            return Err(refused(format!("OriginUri {url:?} has white space or control characters")));
        }
        Some(url) if value::is_web_url(url) => Some(url.to_owned()),
        _ => None,
    };
    let modified = file.attribute("Modified").and_then(value::timestamp);
    let origin = OriginFile { name: name.clone(), modified, sha1, sha256 };
    Ok((origin, PayloadFile { name, size_bytes, digest, url, languages: languages.to_vec() }))
}

fn properties(element: &Element) -> Result<InstallProperties, BadPackage> {
    Ok(InstallProperties {
        can_request_user_input: element.flag("CanRequestUserInput")?,
        requires_network: element.flag("RequiresNetworkConnectivity")?,
        impact: match element.attribute("Impact") {
            None | Some("Normal") => Impact::Normal,
            Some("Minor") => Impact::Minor,
            Some("RequiresExclusiveHandling") => Impact::RequiresExclusiveHandling,
            Some(other) => return Err(element.bad("Impact", other, &"the schema does not know it")),
        },
        reboot: match element.attribute("RebootBehavior") {
            None | Some("CanRequestReboot") => RebootBehavior::CanRequestReboot,
            Some("NeverReboots") => RebootBehavior::NeverReboots,
            Some("AlwaysRequiresReboot") => RebootBehavior::AlwaysRequiresReboot,
            Some(other) => return Err(element.bad("RebootBehavior", other, &"the schema does not know it")),
        },
    })
}

fn metadata(element: &Element) -> Metadata {
    if element.is(&Drv, "WindowsDriverMetaData") {
        Metadata::WindowsDriver(WindowsDriver {
            hardware_id: element.owned("HardwareID"),
            date: element.owned("DriverVerDate"),
            version: element.owned("DriverVerVersion"),
            class: element.owned("Class"),
            company: element.owned("Company"),
            provider: element.owned("Provider"),
            manufacturer: element.owned("Manufacturer"),
            model: element.owned("Model"),
            whql_id: element.needed("WhqlDriverID").unwrap_or_default(),
            compatible_providers: element.texts(&Drv, "CompatibleProvider"),
        })
    } else if element.is(&Msiar, "MsiApplicationMetadata") {
        let product = element.first(&Msiar, "ProductCode").map(Element::text).unwrap_or_default().to_owned();
        Metadata::MsiApplication { product }
    } else {
        Metadata::Other(element.markup())
    }
}
