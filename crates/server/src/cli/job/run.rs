//! `patchwharf job run ...`

use anyhow::Result;
use clap::{Args, Subcommand};
use patchwharf_model::{
    ByteSize, DailyHours, UnusedAfter,
    api::{DownloadStart, IntegrityStart, Job, PackageChoice, ReviseStart},
    job::DeleteUnused,
};

use crate::cli::{Client, Found, follow};

/// System jobs.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Run {
    /// Check software update package integrity: compare database and store both ways, prove every byte, name every fault.
    ///
    /// Without --repair nothing is changed on disk. Exit code 1 when findings remain; notes do not count.
    #[command(after_help = "\
Examples:
  patchwharf job run integrity-check
  patchwharf job run integrity-check --bulletin sp65001 --repair
  patchwharf job run integrity-check --repair --dry-run
  patchwharf job run integrity-check --relocate
  patchwharf job run integrity-check --delete-unused --dry-run
  patchwharf job run integrity-check --max-rate 50MiB --only-between 22:00-05:00
  patchwharf job findings JOB --csv > findings.csv")]
    IntegrityCheck(Check),
    /// Delete packages that nothing uses, by rules that are all off until they are switched on.
    ///
    /// A rule that is not given here is as `settings show` has it (`unused.superseded-after` and so on). A package that an
    /// enabled policy has stays, and so does one that a job holds or a download reads. Nothing is deleted for its age while
    /// the server's clock is in doubt.
    #[command(after_help = "\
Examples:
  patchwharf job run delete-unused --dry-run
  patchwharf job run delete-unused --superseded-after 30d --dry-run
  patchwharf job run delete-unused --disabled-after 90d --superseded-after off
  patchwharf settings set unused.superseded-after 30d")]
    DeleteUnused(Unused),
    /// Download software update packages: stage every bulletin that is current, enabled and not downloaded.
    ///
    /// By the clock with the setting `download.every`.
    #[command(after_help = "\
Examples:
  patchwharf job run download --dry-run
  patchwharf job run download
  patchwharf settings set download.every 1d")]
    Download {
        /// Only name the packages and the bytes to fetch; change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Revise software updates: stage anew every package whose update the vendor has revised; policies follow by their rule.
    ///
    /// What is served is the content of before until the new one is proved. By the clock with the setting `revise.every`.
    #[command(after_help = "\
Examples:
  patchwharf job run revise --dry-run
  patchwharf job run revise
  patchwharf settings set revise.every 1d")]
    Revise {
        /// Only name the packages and the bytes to fetch; change nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which unused packages.
#[derive(Debug, Args)]
pub(in crate::cli) struct Unused {
    /// Only name packages, rules and bytes; delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// Take packages superseded for so long, for this run: 30d, or off.
    #[arg(long, value_name = "AGE")]
    superseded_after: Option<UnusedAfter>,
    /// Take packages in no policy whose bulletin has been disabled for so long, for this run: 30d, or off.
    #[arg(long, value_name = "AGE")]
    disabled_after: Option<UnusedAfter>,
    /// Take packages in no policy that were staged so long ago, for this run: 90d, or off.
    #[arg(long, value_name = "AGE")]
    without_policy_after: Option<UnusedAfter>,
    /// Also packages with a file that was supplied by hand: it cannot be fetched again.
    #[arg(long)]
    also_supplied: bool,
}

/// What to check, and how.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// Only the packages of this bulletin; may be given several times.
    #[arg(long = "bulletin", value_name = "BULLETIN")]
    bulletins: Vec<String>,
    /// Only this package (its GUID, or its update's key); may be given several times.
    #[arg(long = "package", value_name = "PACKAGE", conflicts_with = "bulletins")]
    packages: Vec<String>,
    /// Only this package location (its id or its path).
    #[arg(long, value_name = "LOCATION")]
    location: Option<String>,
    /// Compare length and time stamps with the last proof instead of hashing every byte; what differs is hashed by a job
    /// of its own.
    #[arg(long)]
    light: bool,
    /// Read every file from the disk itself, not from what the kernel remembers of it (as the check by the clock does).
    #[arg(long, conflicts_with = "light")]
    past_cache: bool,
    /// Mend what can be mended: damaged packages by quick refresh, owners and modes, orphans and strangers to quarantine.
    #[arg(long)]
    repair: bool,
    /// With --repair, --relocate and --delete-unused: only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Bytes per second that are read at most: 50MiB.
    #[arg(long, value_name = "RATE")]
    max_rate: Option<ByteSize>,
    /// Only in these hours of the day by the server's local clock; outside them the job waits by itself.
    #[arg(long, value_name = "HH:MM-HH:MM")]
    only_between: Option<DailyHours>,
    /// Relocate existing packages if the default location has changed.
    #[arg(long)]
    relocate: bool,
    /// With --relocate: by hard link or reflink where both locations are on one file system.
    #[arg(long, requires = "relocate")]
    link: bool,
    /// With --relocate: stage again what is missing or damaged at the old place.
    #[arg(long, requires = "relocate")]
    restage: bool,
    /// Then delete unused packages, by the rules that are set (`unused.*` in `settings show`); all are off at first.
    #[arg(long)]
    delete_unused: bool,
}

impl Run {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let job: Job = match self {
            Self::IntegrityCheck(check) => client.post("/store/integrity-check", &check.wish()).await?,
            Self::Download { dry_run } => client.post("/store/download", &DownloadStart { dry_run }).await?,
            Self::Revise { dry_run } => client.post("/store/revise", &ReviseStart { dry_run }).await?,
            Self::DeleteUnused(unused) => client.post("/store/delete-unused", &unused.wish()).await?,
        };
        follow::started(client, &job).await
    }
}

impl Unused {
    fn wish(self) -> DeleteUnused {
        DeleteUnused {
            superseded_after: self.superseded_after,
            disabled_after: self.disabled_after,
            without_policy_after: self.without_policy_after,
            also_supplied: self.also_supplied,
            dry_run: self.dry_run,
        }
    }
}

impl Check {
    fn wish(self) -> IntegrityStart {
        let (packages, bulletins) = (self.packages, self.bulletins);
        let everything = packages.is_empty() && bulletins.is_empty();
        IntegrityStart {
            of: (!everything).then_some(PackageChoice { packages, bulletins, all: false }),
            location: self.location,
            light: self.light,
            past_cache: self.past_cache,
            repair: self.repair,
            dry_run: self.dry_run,
            max_bytes_per_second: self.max_rate.map(|rate| rate.0),
            only_between: self.only_between,
            relocate: self.relocate,
            link: self.link,
            restage: self.restage,
            delete_unused: self.delete_unused,
        }
    }
}
