//! Packages on the terminal.

use anyhow::Result;
use patchwharf_model::api::{OriginalCopy, PackageDetail, PackageFile, PackageQuery, PackageSummary, Page};
use patchwharf_model::update::VendorDigest;

use crate::cli::{Client, Found, client::segment, output};

pub(super) async fn list(client: &Client, query: &PackageQuery) -> Result<Found> {
    let page: Page<PackageSummary> = client.find("/packages", query).await?;
    if client.json {
        output::json(&page)?;
        return Ok(Found::Nothing);
    }
    let rows = page.items.iter().map(|package| {
        [
            package.id.to_string(),
            package.version.map(|version| version.to_string()).unwrap_or_default(),
            state(package),
            package.bulletin_name.clone().unwrap_or_default(),
            package.update_key.clone(),
            output::size(package.size_bytes),
            output::time_or(package.verified_at, "never"),
        ]
    });
    output::table(["package", "version", "state", "bulletin", "update", "size", "verified (UTC)"], rows)?;
    if let Some(next) = &page.next {
        output::note(&format!("there are more: --cursor {next}"));
    }
    Ok(Found::Nothing)
}

fn state(package: &PackageSummary) -> String {
    let mut text = package.state.map_or_else(|| "no version".to_owned(), |state| state.to_string());
    if package.weak {
        text.push_str(" (vendor digest SHA-1 only)");
    }
    if package.unproved {
        text.push_str(" (unproved: nobody vouches for its digests yet)");
    }
    if !package.active {
        text.push_str(" (replaced)");
    }
    text
}

pub(super) async fn one(client: &Client, package: &str) -> Result<Found> {
    let detail: PackageDetail = client.get(&format!("/packages/{}", segment(package))).await?;
    if client.json {
        output::json(&detail)?;
        return Ok(Found::Nothing);
    }
    let summary = &detail.summary;
    output::facts(&[
        ("package", summary.id.to_string()),
        ("bulletin", summary.bulletin_name.clone().unwrap_or_default()),
        ("update", format!("{} {}", summary.update_key, summary.title)),
        ("state", state(summary)),
        ("reason", summary.reason.clone()),
        ("since", output::time_or(summary.since, "")),
        ("verified", output::time_or(summary.verified_at, "never")),
        ("policies", detail.policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>().join(", ")),
    ])?;
    for version in &detail.versions {
        output::line("")?;
        output::facts(&[
            ("version", format!("{} ({})", version.version, version.state)),
            ("folder", version.path.clone()),
            ("originals", version.originals.iter().map(original).collect::<Vec<_>>().join(", ")),
            ("reason", version.reason.clone()),
            ("unlinked after", output::time_or(version.retire_after, "")),
            ("tried again", output::time_or(version.next_try_at, "")),
        ])?;
        output::table(
            ["file", "size", "state", "SHA-256", "verified (UTC)", "same data as"],
            version.files.iter().map(file),
        )?;
    }
    Ok(Found::Nothing)
}

fn original(copy: &OriginalCopy) -> String {
    match copy.same_data {
        true => format!("{} (the same data: no second copy)", copy.path),
        false => copy.path.clone(),
    }
}

fn file(file: &PackageFile) -> [String; 6] {
    let mut state = file.state.to_string();
    if !file.reason.is_empty() {
        state = format!("{state}: {}", file.reason);
    }
    let mut digest = file.sha256.map(|digest| digest.to_string()).unwrap_or_default();
    if let VendorDigest::Sha1(sha1) = file.vendor_digest {
        digest.push_str(&format!(" (vendor: SHA-1 {sha1})"));
    }
    [
        file.name.to_string(),
        output::size(file.size_bytes),
        state,
        digest,
        output::time_or(file.verified_at, "never"),
        same_data(file),
    ]
}

/// Names in this package, and how many there are elsewhere.
fn same_data(file: &PackageFile) -> String {
    let mut names = file.same_data_as.clone();
    let elsewhere = file.same_data.saturating_sub(names.len() as u64);
    if elsewhere > 0 {
        names.push(format!("{} of other packages", output::count(elsewhere, "file")));
    }
    names.join(", ")
}
