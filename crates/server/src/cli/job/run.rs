//! `patchwharf job run ...`

use anyhow::Result;
use clap::{Args, Subcommand};
use patchwharf_model::{
    ByteSize, DailyHours,
    api::{IntegrityStart, Job, PackageChoice},
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
  patchwharf job run integrity-check --max-rate 50MiB --only-between 22:00-05:00
  patchwharf job findings JOB --csv > findings.csv")]
    IntegrityCheck(Check),
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
    /// With --repair and --relocate: only say what would be done.
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
    /// Delete unused packages, by the rules that are set.
    #[arg(long)]
    delete_unused: bool,
}

impl Run {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let Self::IntegrityCheck(check) = self;
        let job: Job = client.post("/store/integrity-check", &check.wish()).await?;
        follow::started(client, &job).await
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
