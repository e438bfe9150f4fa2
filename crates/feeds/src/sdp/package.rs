//! One package.

use std::collections::BTreeMap;

use patchwharf_model::{
    Severity,
    installable::{InstallableItem, LocalizedText},
    update::{PayloadFile, PublicationState, UpdateDetail, UpdateItem, UpdateType},
};

use super::{
    element::{BadPackage, Element},
    files::Files,
    item,
    namespace::Namespace::Sdp,
    rule, value,
};
use crate::Limits;

/// Vendors exceed the schema's 200 characters at times; beyond this it is no title.
const MOST_TITLE_CHARS: usize = 2_000;
const MOST_DESCRIPTION_CHARS: usize = 100_000;
/// Keys are names in lists and URLs.
const MOST_KEY_CHARS: usize = 200;

/// What to call a package that is refused.
pub(super) fn name(package: &Element) -> Option<String> {
    let id = package.first(&Sdp, "Properties")?.attribute("PackageID")?;
    Some(id.chars().take(100).collect())
}

pub(super) fn update(package: &Element, limits: &Limits) -> Result<UpdateItem, BadPackage> {
    let properties = package.first(&Sdp, "Properties").ok_or_else(|| BadPackage("it lacks Properties".to_owned()))?;
    let key = guid(properties, "PackageID")?;
    let created = properties.required("CreationDate")?;
    let revised = value::timestamp(created)
        .ok_or_else(|| properties.bad("CreationDate", created, &"a date and time is needed"))?;
    let mut texts = localized(package)?;
    if texts.is_empty() {
        return Err(BadPackage("it lacks LocalizedProperties".to_owned()));
    }
    let first = texts.remove(0);
    let about = About::read(package)?;
    let (items, files) = items(package, limits)?;
    let bulletin = about.bulletin.or_else(|| about.kb.clone()).unwrap_or_else(|| key.clone());
    if bulletin.chars().count() > MOST_KEY_CHARS {
        return Err(BadPackage(format!("the name of its bulletin is longer than {MOST_KEY_CHARS} characters")));
    }
    let mut supersedes = ids(package.first(&Sdp, "SupersededPackages"))?;
    supersedes.retain(|id| *id != key);
    let mut urls = properties.texts(&Sdp, "MoreInfoUrl");
    urls.extend(properties.texts(&Sdp, "SupportUrl"));
    urls.retain(|url| value::is_web_url(url));
    Ok(UpdateItem {
        key,
        bulletin,
        revised,
        vendor: properties.owned("VendorName"),
        products: properties.texts(&Sdp, "ProductName"),
        update_type: update_type(properties)?,
        publication: publication(properties)?,
        title: first.title,
        description: first.text,
        classification: about.classification,
        severity: about.severity,
        cves: about.cves,
        kbs: about.kb.into_iter().collect(),
        urls,
        architecture: String::new(),
        version: String::new(),
        files,
        supersedes,
        detail: UpdateDetail {
            is_installable: rule::of(package, "IsInstallable")?,
            is_installed: rule::of(package, "IsInstalled")?,
            prerequisites: prerequisites(package)?,
            bundled: ids(package.first(&Sdp, "BundledPackages"))?,
            items,
            localized: texts,
            extra: extra(package, properties),
        },
    })
}

/// `UpdateSpecificData`, or what stands for it in an application.
struct About {
    classification: String,
    severity: Severity,
    bulletin: Option<String>,
    cves: Vec<String>,
    kb: Option<String>,
}

impl About {
    fn read(package: &Element) -> Result<Self, BadPackage> {
        let Some(data) = package.first(&Sdp, "UpdateSpecificData") else {
            let is_application = package.first(&Sdp, "ApplicationSpecificData").is_some();
            let classification = if is_application { "Applications" } else { "" }.to_owned();
            return Ok(Self {
                classification,
                severity: Severity::NotRated,
                bulletin: None,
                cves: Vec::new(),
                kb: None,
            });
        };
        let mut cves: Vec<String> = data.texts(&Sdp, "CveID").into_iter().map(|name| cve(&name)).collect();
        cves.sort();
        cves.dedup();
        Ok(Self {
            classification: data.owned("UpdateClassification"),
            severity: data.parsed("MsrcSeverity")?.unwrap_or_default(),
            bulletin: data.texts(&Sdp, "SecurityBulletinID").into_iter().next(),
            cves,
            kb: data.texts(&Sdp, "KBArticleID").into_iter().next(),
        })
    }
}

/// `2024-1234` is how some write `CVE-2024-1234`.
fn cve(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("CVE-{name}") } else { name }
}

fn localized(package: &Element) -> Result<Vec<LocalizedText>, BadPackage> {
    package
        .all(&Sdp, "LocalizedProperties")
        .map(|element| {
            let text = |name: &str, most: usize| {
                let text = element.first(&Sdp, name).map(Element::text).unwrap_or_default();
                if text.chars().count() > most {
                    return Err(BadPackage(format!("{name} is longer than {most} characters")));
                }
                Ok(text.to_owned())
            };
            let title = text("Title", MOST_TITLE_CHARS)?;
            if title.is_empty() {
                return Err(BadPackage("LocalizedProperties lacks Title".to_owned()));
            }
            let text = text("Description", MOST_DESCRIPTION_CHARS)?;
            Ok(LocalizedText { languages: element.texts(&Sdp, "Language"), title, text })
        })
        .collect()
}

fn items(package: &Element, limits: &Limits) -> Result<(Vec<InstallableItem>, Vec<PayloadFile>), BadPackage> {
    let mut items = Vec::new();
    let mut files = Files::default();
    for element in package.all(&Sdp, "InstallableItem") {
        let (item, file) = item::read(element, limits)?;
        items.push(item);
        file.map_or(Ok(()), |file| files.add(file))?;
    }
    Ok((items, files.all()))
}

fn prerequisites(package: &Element) -> Result<Vec<Vec<String>>, BadPackage> {
    let groups = package.all(&Sdp, "Prerequisites").flat_map(|element| element.all(&Sdp, "AtLeastOne"));
    groups.map(|group| ids(Some(group))).collect()
}

/// The `PackageID` elements of a list; they need not exist anywhere.
fn ids(list: Option<&Element>) -> Result<Vec<String>, BadPackage> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let read = |element: &Element| {
        let bad = || BadPackage(format!("{}/PackageID is {:?}: a GUID is needed", list.name, element.text()));
        value::guid(element.text()).ok_or_else(bad)
    };
    list.all(&Sdp, "PackageID").map(read).collect()
}

pub(super) fn guid(element: &Element, name: &str) -> Result<String, BadPackage> {
    let text = element.required(name)?;
    value::guid(text).ok_or_else(|| element.bad(name, text, &"a GUID is needed"))
}

fn update_type(properties: &Element) -> Result<UpdateType, BadPackage> {
    Ok(match properties.attribute("UpdateType") {
        None | Some("Software") => UpdateType::Software,
        Some("Driver") => UpdateType::Driver,
        Some("Detectoid") => UpdateType::Detectoid,
        Some(other) => return Err(properties.bad("UpdateType", other, &"Software, Driver or Detectoid is needed")),
    })
}

fn publication(properties: &Element) -> Result<PublicationState, BadPackage> {
    Ok(match properties.attribute("PublicationState") {
        None | Some("Published") => PublicationState::Published,
        Some("Expired") => PublicationState::Expired,
        Some(other) => return Err(properties.bad("PublicationState", other, &"Published or Expired is needed")),
    })
}

/// What has no place of its own.
fn extra(package: &Element, properties: &Element) -> BTreeMap<String, String> {
    let of = |element: &Element, name: &str| element.attribute(name).map(|text| (name.to_owned(), text.to_owned()));
    [
        of(package, "SchemaVersion"),
        of(properties, "CanSourceBeRequired"),
        of(properties, "RestrictToClientServicingApi"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
