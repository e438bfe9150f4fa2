//! `patchwharf package ...`

mod show;

use anyhow::Result;
use camino::Utf8PathBuf;
use clap::{Args, Subcommand};
use patchwharf_model::{
    api::{DeletionPreview, Job, List, Order, PackageChoice, PackageDelete, PackageQuery, PackageSort, SupplyQuery},
    package::VersionState,
};

use super::{
    Client, Found,
    client::segment,
    deletion::{Answer, Asking},
    follow,
};

/// Update packages.
#[derive(Debug, Subcommand)]
pub(super) enum Package {
    /// List packages.
    List {
        /// Only in these states: wanted, staging, staged, corrupt, missing, unreachable, vendor-changed, retired, deleting.
        #[arg(long, value_delimiter = ',')]
        state: Vec<VersionState>,
        /// Only of this bulletin.
        #[arg(long)]
        bulletin: Option<String>,
        /// Only where the version that is shown is at this location: its path or id.
        #[arg(long)]
        location: Option<String>,
        /// Only with this text in title, key or bulletin.
        #[arg(long)]
        text: Option<String>,
        /// Only packages that were found on disk and that nobody vouches for yet.
        #[arg(long)]
        unproved: bool,
        /// Also packages that another GUID has replaced.
        #[arg(long)]
        replaced: bool,
        /// Rows of a page.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Continue after this place.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show a package: versions, files, states, proofs.
    Show {
        /// The package's GUID.
        package: String,
    },
    /// Hash packages on disk and name every fault: file, expected and found digest. Exit code 1 when there is one.
    #[command(after_help = "\
Examples:
  patchwharf package verify --all
  patchwharf package verify --bulletin sp65001")]
    Verify(Choice),
    /// Delete packages: their rows and folders. Shows what refers to them; refuses while a policy needs one.
    #[command(after_help = "\
Examples:
  patchwharf package delete --bulletin sp65001 --dry-run
  patchwharf package delete --all --confirm 1829")]
    Delete {
        #[command(flatten)]
        of: Choice,
        /// Also packages that a policy needs; its switch stays on and shows "package missing".
        #[arg(long)]
        although_needed: bool,
        #[command(flatten)]
        asking: Asking,
    },
    /// Give the server a file that was fetched by hand; it must match the catalogue's length and digest.
    #[command(after_help = "\
Example:
  patchwharf bulletin show sp65001          # names the update that needs a file
  patchwharf package supply UPDATE ./sp65001.exe")]
    Supply {
        /// The update that needs it: its id, or its key where no other feed has the same.
        update: String,
        /// The file.
        file: Utf8PathBuf,
        /// The catalogue's name of the file [default: the digest decides].
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
    },
}

/// Which packages.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// GUIDs.
    #[arg(required_unless_present_any = ["bulletins", "all"])]
    packages: Vec<String>,
    /// Every package of this bulletin; may be given several times.
    #[arg(long = "bulletin", value_name = "BULLETIN")]
    bulletins: Vec<String>,
    /// Every package.
    #[arg(long, conflicts_with_all = ["packages", "bulletins"])]
    all: bool,
}

impl From<Choice> for PackageChoice {
    fn from(choice: Choice) -> Self {
        Self { packages: choice.packages, bulletins: choice.bulletins, all: choice.all }
    }
}

impl Package {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List { state, bulletin, location, text, unproved, replaced, limit, cursor } => {
                let query = PackageQuery {
                    state: List(state),
                    bulletin,
                    location,
                    text,
                    unproved: unproved.then_some(true),
                    replaced,
                    sort: PackageSort::default(),
                    order: Order::default(),
                    cursor,
                    limit: Some(limit),
                    ..PackageQuery::default()
                };
                show::list(client, &query).await
            }
            Self::Show { package } => show::one(client, &package).await,
            Self::Verify(choice) => {
                let job: Job = client.post("/packages/verify", &PackageChoice::from(choice)).await?;
                follow::started(client, &job).await
            }
            Self::Delete { of, although_needed, asking } => delete(client, of.into(), although_needed, asking).await,
            Self::Supply { update, file, name } => {
                let path = format!("/updates/{}/supply", segment(&update));
                let job: Job = client.upload(&path, &SupplyQuery { file: name }, &file).await?;
                follow::started(client, &job).await
            }
        }
    }
}

async fn delete(client: &Client, of: PackageChoice, although_needed: bool, asking: Asking) -> Result<Found> {
    let mut wish = PackageDelete { of, although_needed, confirm: None };
    let preview: DeletionPreview = client.post("/packages/delete/preview", &wish).await?;
    match asking.about("delete packages, rows and folders", &preview)? {
        Answer::Go(confirm) => wish.confirm = confirm,
        Answer::Shown => return Ok(Found::Nothing),
        Answer::No => return Ok(Found::Problems),
    }
    let job: Job = client.post("/packages/delete", &wish).await?;
    follow::started(client, &job).await
}
