//! `patchwharf policy ...`

use anyhow::Result;
use clap::{Args, Subcommand};
use patchwharf_model::api::{
    OnRevision, Page, PolicyCreate, PolicyDetail, PolicyPatch, PolicySummary, PolicyUpdates, SwitchesChanged,
    SwitchesSet,
};

use super::{Client, Found, bulletin::filter::Filter, client::segment, output};

/// Software update policies.
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Create a policy over updates, or over all live updates of bulletins, named or by a filter.
    #[command(after_help = "\
Examples:
  patchwharf policy create 'Servers, critical' --bulletin DSA-5380-1 --bulletin DSA-5381-1 --enabled
  patchwharf policy create 'Critical of November' --severity critical --revised-from 2026-11-01 --confirm 12")]
    Create {
        /// Its name.
        name: String,
        #[command(flatten)]
        of: Updates,
        /// Switch it on at once.
        #[arg(long)]
        enabled: bool,
        /// When an update's package changes: follow it (automatic), or wait for `policy accept` (ask).
        #[arg(long, default_value_t = OnRevision::Automatic)]
        on_revision: OnRevision,
    },
    /// List policies.
    List,
    /// Show a policy with its switches.
    Show {
        /// Name or id.
        policy: String,
    },
    /// Switch a policy on.
    Enable {
        /// Name or id.
        policy: String,
    },
    /// Switch a policy off; its switches stay as they are.
    Disable {
        /// Name or id.
        policy: String,
    },
    /// Turn switches of single updates on or off; updates that the policy does not hold yet are added.
    Switch {
        /// Name or id.
        policy: String,
        /// `on` or `off`.
        #[arg(value_parser = ["on", "off"])]
        to: String,
        #[command(flatten)]
        of: Updates,
    },
    /// Add updates to a policy, switched on. Those that it holds are switched on as well.
    Add {
        /// Name or id.
        policy: String,
        #[command(flatten)]
        of: Updates,
    },
    /// Take updates out of a policy; their packages stay.
    Remove {
        /// Name or id.
        policy: String,
        #[command(flatten)]
        of: Updates,
    },
    /// Make it anew: same name and switches under a new id, each bound to the current package of its update.
    Recreate {
        /// Name or id.
        policy: String,
    },
    /// Take the package versions that wait for a yes (policies with `--on-revision ask`): all, or those named.
    Accept {
        /// Name or id.
        policy: String,
        #[command(flatten)]
        of: Updates,
    },
    /// Delete a policy. Packages stay.
    Delete {
        /// Name or id.
        policy: String,
    },
}

/// Which updates.
#[derive(Debug, Args)]
pub(super) struct Updates {
    /// All live updates of this bulletin; may be given several times.
    #[arg(long = "bulletin", value_name = "BULLETIN")]
    bulletins: Vec<String>,
    /// This update; may be given several times.
    #[arg(long = "update", value_name = "UPDATE")]
    updates: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// All bulletins.
    #[arg(long, conflicts_with = "bulletins")]
    all: bool,
    /// Only if it is so many bulletins, as `bulletin list` with the same filter counts them.
    #[arg(long, value_name = "NUMBER")]
    confirm: Option<u64>,
}

impl Updates {
    async fn resolve(self, client: &Client) -> Result<PolicyUpdates> {
        let filter = self.filter.resolve(client).await?;
        let filter = if self.all { Some(filter.unwrap_or_default()) } else { filter };
        Ok(PolicyUpdates { bulletins: self.bulletins, updates: self.updates, filter, confirm: self.confirm })
    }
}

impl Policy {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List => list(client).await?,
            Self::Create { name, of, enabled, on_revision } => {
                let policy = PolicyCreate { name, of: of.resolve(client).await?, enabled, on_revision };
                show(client, &client.post("/policies", &policy).await?)?;
            }
            Self::Show { policy } => show(client, &client.get(&path(&policy, "")).await?)?,
            Self::Enable { policy } => set_enabled(client, &policy, true).await?,
            Self::Disable { policy } => set_enabled(client, &policy, false).await?,
            Self::Switch { policy, to, of } => {
                let set = SwitchesSet { of: of.resolve(client).await?, enabled: to == "on" };
                changed(client, &client.post(&path(&policy, "/switches"), &set).await?)?;
            }
            Self::Add { policy, of } => {
                let of = of.resolve(client).await?;
                let way =
                    "name what to add by --bulletin or --update, or by a filter of bulletins (--severity, --state ...)";
                anyhow::ensure!(!of.is_empty(), way);
                let set = SwitchesSet { of, enabled: true };
                changed(client, &client.post(&path(&policy, "/switches"), &set).await?)?;
            }
            Self::Remove { policy, of } => {
                let of = of.resolve(client).await?;
                changed(client, &client.post(&path(&policy, "/remove"), &of).await?)?;
            }
            Self::Recreate { policy } => show(client, &client.post(&path(&policy, "/recreate"), &()).await?)?,
            Self::Accept { policy, of } => {
                let of = of.resolve(client).await?;
                changed(client, &client.post(&path(&policy, "/accept"), &of).await?)?;
            }
            Self::Delete { policy } => {
                client.delete::<()>(&path(&policy, ""), &()).await?;
                output::note(&format!("policy {policy} is deleted"));
            }
        }
        Ok(Found::Nothing)
    }
}

fn path(policy: &str, rest: &str) -> String {
    format!("/policies/{}{rest}", segment(policy))
}

async fn set_enabled(client: &Client, policy: &str, enabled: bool) -> Result<()> {
    let patch = PolicyPatch { enabled: Some(enabled), on_revision: None };
    show(client, &client.patch(&path(policy, ""), &patch).await?)
}

fn changed(client: &Client, answer: &SwitchesChanged) -> Result<()> {
    if client.json { output::json(answer) } else { output::line(&output::count(answer.changed, "switch change")) }
}

async fn list(client: &Client) -> Result<()> {
    let page: Page<PolicySummary> = client.get("/policies").await?;
    if client.json {
        return output::json(&page);
    }
    let rows = page.items.into_iter().map(|policy| {
        [
            policy.name,
            output::yes(policy.enabled),
            policy.updates.to_string(),
            policy.package_missing.to_string(),
            policy.withdrawn.to_string(),
            policy.pending.to_string(),
            policy.on_revision.to_string(),
        ]
    });
    output::table(
        ["policy", "enabled", "updates", "package missing", "withdrawn", "waiting for a yes", "on revision"],
        rows,
    )
}

fn show(client: &Client, detail: &PolicyDetail) -> Result<()> {
    if client.json {
        return output::json(detail);
    }
    let policy = &detail.summary;
    output::facts(&[
        ("policy", policy.name.clone()),
        ("id", policy.id.to_string()),
        ("enabled", output::yes(policy.enabled)),
        ("on revision", policy.on_revision.to_string()),
    ])?;
    let rows = detail.switches.iter().map(|switch| {
        let state = serde_json::to_value(switch.state).ok().and_then(|v| v.as_str().map(ToOwned::to_owned));
        let place = |id, version: Option<u64>| format!("{id}/{}", version.unwrap_or_default());
        let mut package = switch.package.map(|id| place(id, switch.version)).unwrap_or_default();
        if let Some(id) = switch.pending_package {
            package.push_str(&format!(" ({} waits for `policy accept`)", place(id, switch.pending_version)));
        }
        [
            switch.bulletin_name.clone().unwrap_or_default(),
            switch.title.clone(),
            if switch.enabled { "on" } else { "off" }.to_owned(),
            state.unwrap_or_default(),
            package,
        ]
    });
    output::table(["bulletin", "update", "switch", "state", "package"], rows)
}
