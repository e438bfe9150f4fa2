//! `patchwharf bulletin ...`

pub(super) mod filter;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use patchwharf_model::api::{
    BulletinChange, BulletinChoice, BulletinQuery, BulletinRefresh, BulletinSeverity, BulletinSort, Job, Order,
};

use super::{Client, Found, follow, output};
use filter::Filter;

/// Software bulletins.
#[derive(Debug, Subcommand)]
pub(super) enum Bulletin {
    /// List bulletins.
    #[command(after_help = "\
Examples:
  patchwharf bulletin list --severity critical,important --state enabled,not-downloaded --sort released --descending
  patchwharf bulletin list --cve CVE-2026-1234 --json")]
    List {
        #[command(flatten)]
        filter: Filter,
        /// Sort by name, severity, custom-severity, downloaded, released, revised, updates, packages, bad-packages, policies or
        /// oldest-proof.
        #[arg(long, default_value = "name", value_parser = filter::sort)]
        sort: BulletinSort,
        /// The other way round.
        #[arg(long)]
        descending: bool,
        /// Rows of a page.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Continue after this place.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show a bulletin with its software updates.
    Show {
        /// Name, FEED/NAME or id.
        bulletin: String,
    },
    /// Offer bulletins to computers again, as they were before they were disabled.
    Enable(Choice),
    /// Offer bulletins no more; policies and files stay.
    Disable(Choice),
    /// Custom severity.
    #[command(subcommand)]
    Severity(Severity),
    /// Show what refers to a bulletin: policies, packages, jobs, other bulletins.
    Refers {
        /// Name, FEED/NAME or id.
        bulletin: String,
    },
    /// Stage / download packages: fetch, verify, place, record.
    #[command(after_help = "\
Examples:
  patchwharf bulletin stage DSA-5380-1 sp65001
  patchwharf bulletin stage --severity critical --state current,not-downloaded
  patchwharf --no-wait bulletin stage --all")]
    Stage(Choice),
    /// Bring packages back: verify every file, fetch only what is bad, switch. With --complete: new packages, everything
    /// fetched anew. The package can be had at every moment.
    #[command(after_help = "\
Examples:
  patchwharf bulletin refresh sp65001
  patchwharf bulletin refresh --state damaged
  patchwharf bulletin refresh --complete sp65001")]
    Refresh {
        #[command(flatten)]
        of: Choice,
        /// A new package with everything fetched anew; policies follow, then the old one is retired.
        #[arg(long)]
        complete: bool,
    },
    /// Recreate packages: new GUIDs over the verified files; what does not verify is fetched.
    Recreate(Choice),
}

/// Custom severity.
#[derive(Debug, Subcommand)]
pub(super) enum Severity {
    /// Set it.
    Set {
        /// Your own level; `none` takes it away.
        level: String,
        #[command(flatten)]
        of: Choice,
    },
}

/// Which bulletins: by name or by filter.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Names, FEED/NAME or ids.
    bulletins: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// All bulletins.
    #[arg(long, conflicts_with = "bulletins")]
    all: bool,
}

impl Choice {
    async fn resolve(self, client: &Client) -> Result<BulletinChoice> {
        let filter = self.filter.resolve(client).await?;
        anyhow::ensure!(
            !self.bulletins.is_empty() || filter.is_some() || self.all,
            "name bulletins, give a filter (--severity, --text ...), or say --all"
        );
        let filter = if self.all { Some(filter.unwrap_or_default()) } else { filter };
        Ok(BulletinChoice { bulletins: self.bulletins, filter, confirm: None })
    }
}

impl Bulletin {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List { filter, sort, descending, limit, cursor } => {
                let filter = filter.resolve(client).await?.unwrap_or_default();
                let order = if descending { Order::Descending } else { Order::Ascending };
                let query = BulletinQuery { sort, order, cursor, limit: Some(limit), ..filter::query(filter) };
                show::list(client, &query).await?;
            }
            Self::Show { bulletin } => show::one(client, &bulletin).await?,
            Self::Enable(choice) => change(client, choice, "enable").await?,
            Self::Disable(choice) => change(client, choice, "disable").await?,
            Self::Severity(Severity::Set { level, of }) => {
                let severity = (level != "none").then_some(level);
                let body = BulletinSeverity { of: of.resolve(client).await?, severity };
                changed(client, &client.post("/bulletins/severity", &body).await?)?;
            }
            Self::Refers { bulletin } => {
                show::refers(client, &bulletin).await?;
            }
            Self::Stage(choice) => {
                let job: Job = client.post("/bulletins/stage", &choice.resolve(client).await?).await?;
                return follow::started(client, &job).await;
            }
            Self::Refresh { of, complete } => {
                let body = BulletinRefresh { of: of.resolve(client).await?, complete };
                let job: Job = client.post("/bulletins/refresh", &body).await?;
                return follow::started(client, &job).await;
            }
            Self::Recreate(choice) => {
                let job: Job = client.post("/bulletins/recreate", &choice.resolve(client).await?).await?;
                return follow::started(client, &job).await;
            }
        }
        Ok(Found::Nothing)
    }
}

async fn change(client: &Client, choice: Choice, verb: &str) -> Result<()> {
    let answer = client.post(&format!("/bulletins/{verb}"), &choice.resolve(client).await?).await?;
    changed(client, &answer)
}

fn changed(client: &Client, answer: &BulletinChange) -> Result<()> {
    if client.json {
        return output::json(answer);
    }
    output::line(&format!(
        "{} of {} changed, {} concerned",
        answer.changed,
        output::count(answer.chosen, "bulletin"),
        if answer.policies == 1 { "1 policy".to_owned() } else { format!("{} policies", answer.policies) }
    ))
}
