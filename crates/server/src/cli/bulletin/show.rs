//! Bulletins on the terminal.

use anyhow::Result;
use patchwharf_model::api::{BulletinDetail, BulletinQuery, BulletinSummary, Page, Refers, UpdateSummary};

use crate::cli::{Client, client::segment, output};

pub(super) async fn list(client: &Client, query: &BulletinQuery) -> Result<()> {
    let page: Page<BulletinSummary> = client.find("/bulletins", query).await?;
    if client.json {
        return output::json(&page);
    }
    let rows = page.items.iter().map(|bulletin| {
        [
            bulletin.name.clone(),
            severity(bulletin),
            state(bulletin),
            bulletin.updates.to_string(),
            bulletin.packages.to_string(),
            bulletin.policies.to_string(),
            day(bulletin.released_at),
            day(Some(bulletin.revised_at)),
            bulletin.title.clone(),
        ]
    });
    output::table(
        ["bulletin", "severity", "state", "updates", "packages", "policies", "released", "revised", "title"],
        rows,
    )?;
    if let Some(total) = page.total {
        output::note(&format!("{} of {}", page.items.len(), output::count(total, "bulletin")));
    }
    if let Some(next) = &page.next {
        output::note(&format!("there are more: --cursor {next}"));
    }
    Ok(())
}

fn severity(bulletin: &BulletinSummary) -> String {
    match &bulletin.custom_severity {
        Some(custom) => format!("{custom} (vendor: {})", bulletin.severity),
        None => bulletin.severity.to_string(),
    }
}

fn state(bulletin: &BulletinSummary) -> String {
    let mut words = Vec::new();
    if !bulletin.enabled {
        words.push("disabled".to_owned());
    }
    if bulletin.withdrawn {
        words.push("withdrawn".to_owned());
    }
    if let Some(by) = &bulletin.superseded_by {
        words.push(format!("superseded by {by}"));
    }
    if !bulletin.listed {
        words.push("no longer listed".to_owned());
    }
    if bulletin.bad_packages > 0 {
        words.push(format!("{} damaged", bulletin.bad_packages));
    }
    if bulletin.downloaded {
        words.push("downloaded".to_owned());
    }
    words.join(", ")
}

fn day(at: Option<patchwharf_model::Timestamp>) -> String {
    at.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

pub(super) async fn one(client: &Client, bulletin: &str) -> Result<()> {
    let detail: BulletinDetail = client.get(&format!("/bulletins/{}", segment(bulletin))).await?;
    if client.json {
        return output::json(&detail);
    }
    let summary = &detail.summary;
    output::facts(&[
        ("bulletin", summary.name.clone()),
        ("id", summary.id.to_string()),
        ("feed", summary.feed_name.clone()),
        ("title", summary.title.clone()),
        ("description", detail.description.clone()),
        ("vendor", summary.vendor.clone()),
        ("severity", severity(summary)),
        ("state", state(summary)),
        ("released", day(summary.released_at)),
        ("revised", day(Some(summary.revised_at))),
        ("CVEs", detail.cves.join(", ")),
        ("KBs", detail.kbs.join(", ")),
        ("oldest proof", output::time_or(summary.oldest_proof_at, "none")),
    ])?;
    if let Some(trouble) = &summary.trouble {
        let why = if trouble.reason.is_empty() { "nobody vouches for its digests" } else { &trouble.reason };
        output::facts(&[("not as it should be", format!("package {}, {}: {why}", trouble.package, trouble.state))])?;
    }
    output::line("")?;
    output::table(
        ["update", "version", "arch", "size", "package", "state", "title"],
        detail.software_updates.iter().map(update),
    )?;
    // What is superseded or withdrawn is not staged, and needs nothing.
    let lacking = |update: &&UpdateSummary| update.needs_file && !update.withdrawn && update.superseded_by.is_none();
    for update in detail.software_updates.iter().filter(lacking) {
        output::line(&format!("{} needs a file: patchwharf package supply {} FILE", update.key, update.id))?;
    }
    if detail.software_updates.iter().any(|update| update.outdated) {
        output::line(&format!(
            "staged is what the vendor has revised since; the revision comes by: patchwharf bulletin stage {}",
            summary.name
        ))?;
    }
    Ok(())
}

fn update(update: &UpdateSummary) -> [String; 7] {
    let state = if update.withdrawn {
        "withdrawn".to_owned()
    } else if let Some(by) = &update.superseded_by {
        format!("superseded by {by}")
    } else if update.needs_file {
        "needs a file".to_owned()
    } else {
        let state = update.package_state.map(|state| state.to_string()).unwrap_or_default();
        match (update.outdated, update.unproved) {
            (true, _) => format!("{state} (an older revision)"),
            (_, true) => format!("{state} (unproved)"),
            (false, false) => state,
        }
    };
    [
        update.key.clone(),
        update.version.clone(),
        update.architecture.clone(),
        output::size(update.size_bytes),
        update.package.map(|id| id.to_string()).unwrap_or_default(),
        state,
        update.title.clone(),
    ]
}

pub(super) async fn refers(client: &Client, bulletin: &str) -> Result<()> {
    let path = format!("/bulletins/{}", segment(bulletin));
    let refers: Refers = client.get(&format!("{path}/refers")).await?;
    if client.json {
        return output::json(&refers);
    }
    let detail: BulletinDetail = client.get(&path).await?;
    output::facts(&[
        ("bulletin", detail.summary.name.clone()),
        ("superseded by", refers.superseded_by.clone().unwrap_or_else(|| "nothing".to_owned())),
        ("supersedes", if refers.supersedes.is_empty() { "nothing".to_owned() } else { refers.supersedes.join(", ") }),
    ])?;
    let policies = refers.policies.iter().map(|policy| ["policy".into(), policy.name.clone(), policy.id.to_string()]);
    let updates = refers.updates.iter().map(|id| {
        let key = detail.software_updates.iter().find(|update| update.id == *id).map(|update| update.key.clone());
        ["update".into(), key.unwrap_or_else(|| "no longer listed".into()), id.to_string()]
    });
    let packages = refers.packages.iter().map(|id| {
        let of = detail.software_updates.iter().find(|update| update.package == Some(*id));
        let of = of.map(|update| format!("of {}", update.key));
        ["package".into(), of.unwrap_or_else(|| "replaced by another".into()), id.to_string()]
    });
    let jobs = refers.jobs.iter().map(|id| ["job".into(), "holds a package now".into(), id.to_string()]);
    output::line("")?;
    output::table(["what", "name", "id"], policies.chain(updates).chain(packages).chain(jobs))
}
