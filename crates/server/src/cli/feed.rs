//! `patchwharf feed ...`

mod add;
mod show;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use patchwharf_model::api::{
    self, Clause, FeedImport, FeedPatch, FeedPreview, FeedRemoval, FeedRemovalPreview, FeedRemove, FeedRules,
    FeedSource, Job,
};

use super::{
    Client, Found,
    client::segment,
    deletion::{Answer, Asking},
    follow, output,
};
pub(crate) use add::read_keyring;

/// Catalogue feeds.
#[derive(Debug, Subcommand)]
pub(super) enum Feed {
    /// Add a feed; nothing is imported yet.
    #[command(subcommand)]
    Add(add::Add),
    /// List feeds.
    List,
    /// Show a feed with its rules and its last import.
    Show {
        /// Name or id.
        feed: String,
    },
    /// Import patch data now. Nothing is done when nothing has changed; a catalogue that cannot be believed changes nothing.
    Import {
        /// Name or id.
        feed: String,
        /// Take the catalogue although most of its updates have vanished.
        #[arg(long)]
        confirm_shrink: bool,
    },
    /// Say what rules would take of the catalogue, by count and bytes, without changing anything.
    #[command(after_help = "\
Example:
  patchwharf feed preview hp --include 'severity=>=important' --exclude 'classification=Drivers'")]
    Preview {
        /// Name or id.
        feed: String,
        #[command(flatten)]
        rules: Rules,
        #[command(flatten)]
        after: AfterImport,
    },
    /// Change rules, schedule and switches of a feed. Rules count from the next import on.
    Set {
        /// Name or id.
        feed: String,
        #[command(flatten)]
        rules: Rules,
        /// Take everything again: drop all include and exclude rules.
        #[arg(long, conflicts_with_all = ["include", "exclude"])]
        no_rules: bool,
        #[command(flatten)]
        after: AfterImport,
        /// Stage nothing after an import.
        #[arg(long, conflicts_with_all = ["stage_automatically", "stage_only"])]
        no_stage: bool,
        /// Minutes between imports; 0: on demand only.
        #[arg(long, value_name = "MINUTES")]
        every: Option<u32>,
        /// Let packages that the vendor pins by SHA-1 only be offered to computers (audited).
        #[arg(long, value_name = "yes|no", value_parser = ["yes", "no"])]
        accept_sha1: Option<String>,
        /// apt: the publisher's new keyring, when its keys have changed and you trust the new ones. Audited.
        #[arg(long, value_name = "FILE")]
        keyring: Option<Utf8PathBuf>,
        /// apt: of a keyring, only the primary key with this fingerprint counts; may be given several times.
        #[arg(long = "key", value_name = "FINGERPRINT")]
        keys: Vec<String>,
        /// Trust only the certificate authorities of this PEM file for the feed's hosts, not those of the machine
        /// (audited).
        #[arg(long, value_name = "FILE")]
        ca: Option<Utf8PathBuf>,
        /// Trust the machine's certificate authorities again (audited).
        #[arg(long, conflicts_with = "ca")]
        no_ca: bool,
    },
    /// Remove a feed. Refused while its packages exist or policies hold its updates, unless told what to do with them.
    Remove {
        /// Name or id.
        feed: String,
        /// Keep its bulletins and packages.
        #[arg(long, conflicts_with = "purge")]
        keep: bool,
        /// Delete its packages.
        #[arg(long)]
        purge: bool,
        /// With --purge: also packages that a policy needs.
        #[arg(long, requires = "purge")]
        although_needed: bool,
        #[command(flatten)]
        asking: Asking,
    },
}

/// Include and exclude rules.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Rules {
    /// Take only what fits FIELD=PATTERN; several of one field are alternatives, fields add up. Fields: vendor, product,
    /// classification, severity, language, architecture, name. `*` and `?` stand for any text and any character;
    /// severity also takes `>=important`.
    #[arg(long, value_name = "FIELD=PATTERN")]
    include: Vec<Clause>,
    /// Leave out what fits FIELD=PATTERN.
    #[arg(long, value_name = "FIELD=PATTERN")]
    exclude: Vec<Clause>,
}

impl Rules {
    fn given(&self) -> Option<FeedRules> {
        let rules = FeedRules { include: self.include.clone(), exclude: self.exclude.clone() };
        (!rules.is_empty()).then_some(rules)
    }
}

/// What happens after an import.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct AfterImport {
    /// Stage what an import brings.
    #[arg(long)]
    stage_automatically: bool,
    /// Stage of it only what fits FIELD=PATTERN (implies --stage-automatically).
    #[arg(long, value_name = "FIELD=PATTERN")]
    stage_only: Vec<Clause>,
}

impl AfterImport {
    fn rules(&self) -> Option<FeedRules> {
        (self.stage_automatically || !self.stage_only.is_empty())
            .then(|| FeedRules { include: self.stage_only.clone(), exclude: Vec::new() })
    }
}

impl Feed {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::Add(add) => show::one(client, &client.post("/feeds", &add.feed()?).await?)?,
            Self::List => show::list(client).await?,
            Self::Show { feed } => show::one(client, &client.get(&path(&feed, "")).await?)?,
            Self::Import { feed, confirm_shrink } => {
                let job: Job = client.post(&path(&feed, "/import"), &FeedImport { confirm_shrink }).await?;
                return follow::started(client, &job).await;
            }
            Self::Preview { feed, rules, after } => {
                let wish = FeedPreview { rules: rules.given(), auto_stage: after.rules() };
                let job: Job = client.post(&path(&feed, "/preview"), &wish).await?;
                return follow::started(client, &job).await;
            }
            Self::Set { feed, rules, no_rules, after, no_stage, every, accept_sha1, keyring, keys, ca, no_ca } => {
                let source = if keyring.is_some() || !keys.is_empty() {
                    Some(with_keys(client, &feed, keyring.as_deref(), keys).await?)
                } else {
                    None
                };
                let patch = FeedPatch {
                    source,
                    rules: if no_rules { Some(FeedRules::default()) } else { rules.given() },
                    auto_stage: if no_stage { Some(None) } else { after.rules().map(Some) },
                    accept_sha1: accept_sha1.map(|answer| answer == "yes"),
                    ca: if no_ca {
                        Some(None)
                    } else {
                        ca.as_deref().map(add::read_authorities).transpose()?.map(Some)
                    },
                    schedule_minutes: every.map(|minutes| (minutes > 0).then_some(minutes)),
                    ..FeedPatch::default()
                };
                let feed: api::Feed = client.patch(&path(&feed, ""), &patch).await?;
                show::one(client, &feed)?;
            }
            Self::Remove { feed, keep, purge, although_needed, asking } => {
                let packages = match (keep, purge) {
                    (true, _) => FeedRemoval::Keep,
                    (_, true) => FeedRemoval::Purge,
                    _ => FeedRemoval::Refuse,
                };
                return remove(client, &feed, FeedRemove { packages, although_needed, confirm: None }, asking).await;
            }
        }
        Ok(Found::Nothing)
    }
}

/// Packages that are to go first go by a job; when it has done its work, the feed itself goes.
async fn remove(client: &Client, feed: &str, mut wish: FeedRemove, asking: Asking) -> Result<Found> {
    if wish.packages == FeedRemoval::Purge || asking.dry_run {
        let preview: FeedRemovalPreview = client.get(&path(feed, "/removal")).await?;
        if asking.dry_run {
            output::facts(&[("bulletins", format!("{} would no longer be listed", preview.bulletins))])?;
        }
        match asking.about(&format!("remove feed {feed} with its packages"), &preview.deletion)? {
            Answer::Go(confirm) => wish.confirm = confirm,
            Answer::Shown => return Ok(Found::Nothing),
            Answer::No => return Ok(Found::Problems),
        }
    }
    let wish = &wish;
    let job: Option<Job> = client.delete(&path(feed, ""), wish).await?;
    if let Some(job) = job {
        if client.no_wait {
            output::note(&format!("feed {feed} stays until its packages are gone; then remove it again"));
        }
        let found = follow::started(client, &job).await?;
        if client.no_wait || matches!(found, Found::Problems) {
            return Ok(found);
        }
        let left: Option<Job> = client.delete(&path(feed, ""), wish).await?;
        anyhow::ensure!(left.is_none(), "feed {feed} has got new packages meanwhile; remove it again");
    }
    output::note(&format!("feed {feed} is removed"));
    Ok(Found::Nothing)
}

/// An apt feed's source with other keys; what is not given stays.
async fn with_keys(client: &Client, feed: &str, keyring: Option<&Utf8Path>, keys: Vec<String>) -> Result<FeedSource> {
    let shown: api::Feed = client.get(&path(feed, "")).await?;
    let FeedSource::Apt(mut source) = shown.source else {
        anyhow::bail!("feed {feed} is no apt feed: it has no keyring");
    };
    if let Some(file) = keyring {
        source.keyring = read_keyring(file)?;
    }
    if !keys.is_empty() {
        source.keys = keys;
    }
    Ok(FeedSource::Apt(source))
}

fn path(feed: &str, rest: &str) -> String {
    format!("/feeds/{}{rest}", segment(feed))
}
