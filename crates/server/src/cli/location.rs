//! `patchwharf location ...`

mod adopt;
mod prune;
mod relocate;

use anyhow::Result;
use clap::{Args, Subcommand};
use patchwharf_model::api::{self, Job, LocationCreate, LocationRemove, PackageChoice, UndoStart};

use super::{Client, Found, follow, output};

/// Package locations.
#[derive(Debug, Subcommand)]
pub(super) enum Location {
    /// List the locations, and what lies at each.
    List,
    /// Add a location: made in an empty or new folder, or opened where one of this deployment lies.
    ///
    /// New packages go there only after `settings set package-location PATH`. Where the folder of a known location was
    /// moved to as a whole, that location is at this path from then on.
    Add {
        /// An absolute path on the server.
        path: String,
    },
    /// Move packages to another location while they are served. Their originals stay until `location prune`.
    ///
    /// Each file is hashed while it is copied, made durable, read back from the new disk past the cache and hashed again;
    /// then its package is served from there. Pausing, cancelling or killing it leaves what was moved at the new place and
    /// the rest at the old one; run again, it goes on.
    #[command(after_help = "\
Examples:
  patchwharf location relocate --dry-run
  patchwharf location relocate
  patchwharf location relocate /srv/old --to /srv/new --link")]
    Relocate(relocate::Relocate),
    /// Serve what was moved to NEW from its originals at OLD again, without copying; each original is hashed first.
    Undo {
        /// Where packages were moved to: its path or id.
        new: String,
        /// Where their originals lie: its path or id.
        old: String,
        #[command(flatten)]
        which: Which,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove the originals at a location, each after a fresh proof of the copy that is served.
    ///
    /// What a download still reads from there stays, and so does every file that this server did not put there.
    #[command(after_help = "\
Examples:
  patchwharf location prune /srv/old --dry-run
  patchwharf location prune /srv/old --confirm 1829")]
    Prune(prune::Prune),
    /// Take the files of a folder on the server into packages, where their digests are those of known updates.
    ///
    /// An old store, a content folder of another product, a copy from another server, a USB disk: names and folders there
    /// mean nothing, length and digest decide, by the rules of a download. What matches is placed under GUIDs of this server,
    /// and damaged packages are mended by it; the rest is listed as foreign with its digest. Nothing in the folder is changed.
    #[command(after_help = "\
Examples:
  patchwharf location adopt /mnt/usb --dry-run
  patchwharf location adopt /srv/old-store --trust /srv/old-store/0190c0de-.../1/package.json
  patchwharf job items JOB --outcome foreign --csv > foreign.csv")]
    Adopt(adopt::Adopt),
    /// Forget a location at which nothing is recorded any more, or one that is lost. Its folder stays.
    Remove {
        /// Its path or id.
        location: String,
        /// Its folder is gone for good: what is recorded there is missing from then on and can be fetched anew. Refused
        /// while it answers.
        #[arg(long)]
        lost: bool,
        /// With --lost: how many packages that gives up.
        #[arg(long, value_name = "PACKAGES", requires = "lost")]
        confirm: Option<u64>,
    },
}

/// Which packages; all unless some are named.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only this package (its GUID, or its update's key); may be given several times.
    #[arg(long = "package", value_name = "PACKAGE", conflicts_with = "bulletins")]
    packages: Vec<String>,
    /// Only packages of this bulletin; may be given several times.
    #[arg(long = "bulletin", value_name = "BULLETIN")]
    bulletins: Vec<String>,
}

impl Which {
    pub(super) fn choice(&self) -> Option<PackageChoice> {
        let (packages, bulletins) = (self.packages.clone(), self.bulletins.clone());
        let named = !packages.is_empty() || !bulletins.is_empty();
        named.then_some(PackageChoice { packages, bulletins, all: false })
    }
}

impl Location {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List => list(client).await,
            Self::Add { path } => {
                let added: api::Location = client.post("/locations", &LocationCreate { path }).await?;
                if client.json {
                    output::json(&added)?;
                } else {
                    output::line(&format!("package location {} is at {}", added.id, added.path))?;
                }
                Ok(Found::Nothing)
            }
            Self::Relocate(relocate) => relocate.run(client).await,
            Self::Undo { new, old, which, dry_run } => {
                let (new, old) = (find(client, &new).await?, find(client, &old).await?);
                let wish = UndoStart { to: old.id, of: which.choice(), dry_run };
                let job: Job = client.post(&format!("/locations/{}/undo", new.id), &wish).await?;
                follow::started(client, &job).await
            }
            Self::Prune(prune) => prune.run(client).await,
            Self::Adopt(adopt) => adopt.run(client).await,
            Self::Remove { location, lost, confirm } => {
                let found = find(client, &location).await?;
                let _: Option<()> =
                    client.delete(&format!("/locations/{}", found.id), &LocationRemove { lost, confirm }).await?;
                output::line(&format!("package location {} is forgotten; its folder {} stays", found.id, found.path))?;
                Ok(Found::Nothing)
            }
        }
    }
}

async fn list(client: &Client) -> Result<Found> {
    let all: Vec<api::Location> = client.get("/locations").await?;
    if client.json {
        output::json(&all)?;
    } else {
        table(&all)?;
    }
    Ok(Found::Nothing)
}

/// Locations as a table, and why those that are not open are not.
pub(super) fn table(all: &[api::Location]) -> Result<()> {
    let rows = all.iter().map(|one| {
        let state = match (one.open, one.read_only, one.is_default) {
            (false, ..) => "not open",
            (true, true, _) => "read-only",
            (true, false, true) => "default",
            (true, false, false) => "",
        };
        let held = |number: u64, bytes: u64| match number {
            0 => String::new(),
            number => format!("{number} ({})", output::size(bytes)),
        };
        [
            one.path.clone(),
            state.to_owned(),
            held(one.packages, one.size_bytes),
            held(one.originals, one.original_bytes),
            one.free_bytes.map_or_else(|| "not to be read".to_owned(), output::size),
            one.id.to_string(),
        ]
    });
    output::table(["package location", "", "packages", "originals", "free", "id"], rows)?;
    for one in all.iter().filter(|one| !one.open) {
        output::line(&output::harmless(&format!("{} is not open: {}", one.path, one.reason)))?;
    }
    Ok(())
}

/// A location by its path or id.
pub(super) async fn find(client: &Client, name: &str) -> Result<api::Location> {
    let all: Vec<api::Location> = client.get("/locations").await?;
    let wanted = name.trim_end_matches('/');
    all.into_iter().find(|one| one.path == wanted || one.id.to_string() == wanted).ok_or_else(|| {
        let detail = format!("There is no package location {name}; `patchwharf location list` shows them.");
        super::client::Failure::Problem(Box::new(api::Problem::new(api::Code::NotFound, detail))).into()
    })
}
