//! The two-way comparison of database and store, without reading a package file: what lies where it should not, what does
//! not lie where it should, and what nobody owns. Reconcile and the integrity check both use it, and settle what it
//! finds in the same way.
//!
//! Nothing that could be wanted is ever deleted here: folders without rows are adopted back when a manifest signed by
//! this server tells of a version that a restored older database has lost (C-13), else they go to quarantine. What
//! another server has made, and what is not ours at all, is named and left alone.

mod aside;
mod disk;
mod lost;
mod originals;
mod orphans;
mod rows;
mod settle;

use std::{collections::HashSet, sync::Arc};

use camino::Utf8PathBuf;
use patchwharf_db::{
    packages::{Held, Placed, Verified},
    updates::Update,
};
use patchwharf_model::{
    JobId, LocationId, PackageId, Timestamp,
    package::{Manifest, VersionState},
};
use patchwharf_store::{DiskError, Found, Leftover, Location, Quarantined, layout};

pub(crate) use lost::payload;
pub(crate) use settle::settle;

use super::OperationError;
use crate::{
    app::App,
    jobs::{JobContext, Stop},
    operations::assembly::told::with_causes,
    rebuild,
};

/// Who compares, and in whose name what is found is settled.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The server.
    pub(crate) app: Arc<App>,
    /// `start-up`, `job 0190...`.
    pub(crate) source: String,
    /// The job, if it is one.
    pub(crate) job: Option<JobId>,
    /// The wish that it ends: what was not come to is left as it is.
    pub(crate) stop: Stop,
}

impl Who {
    /// A job.
    pub(crate) fn of(ctx: &JobContext) -> Self {
        let source = format!("job {}", ctx.job);
        Self { app: Arc::clone(&ctx.app), source, job: Some(ctx.job), stop: ctx.stop.clone() }
    }
}

/// One thing that database and store do not agree about.
#[derive(Debug)]
pub(crate) enum Difference {
    /// The location is not what was opened: nothing of it was compared.
    Unusable {
        /// Why.
        why: String,
    },
    /// Something that cannot be looked at.
    Unreadable {
        /// What, relative to the location.
        path: Utf8PathBuf,
        /// Why.
        why: String,
    },
    /// A folder signed by this server, of a version that the database has lost.
    Lost {
        /// What it says of itself.
        manifest: Box<Manifest>,
        /// Its update.
        update: Box<Update>,
    },
    /// A folder that no row knows.
    Orphan {
        /// Its package.
        package: PackageId,
        /// Its version.
        version: u64,
        /// Why it cannot be taken back.
        why: String,
    },
    /// A folder that another server has made and signed.
    Foreign {
        /// Its package.
        package: PackageId,
        /// Its version.
        version: u64,
        /// Why that is known.
        why: String,
    },
    /// A folder of a version that belongs to another location, and that no relocation has left there as an original.
    Twice {
        /// Its package.
        package: PackageId,
        /// Its version.
        version: u64,
        /// Where the database has it.
        belongs: LocationId,
    },
    /// An original that a relocation has left behind here, and that somebody has removed.
    OriginalGone {
        /// Its package.
        package: PackageId,
        /// Its version.
        version: u64,
    },
    /// A version whose folder is not there.
    Missing {
        /// The verdict, to be written.
        verdict: Verified,
        /// Whether the database says so already.
        known: bool,
    },
    /// A retired version whose folder is not there.
    Gone(Held),
    /// A version that a job began which has ended since, without having said what became of it.
    Abandoned {
        /// The version.
        held: Held,
        /// The job.
        job: JobId,
    },
    /// A version that is being deleted and cannot be unlinked.
    Stuck {
        /// The version.
        held: Held,
        /// Why.
        why: String,
    },
    /// A package's folder without a version.
    Empty {
        /// Its package.
        package: PackageId,
    },
    /// Something that is not ours, relative to the location.
    Stranger {
        /// Where.
        path: Utf8PathBuf,
    },
    /// Something in `.staging` that nobody waits for.
    Staging(Leftover),
    /// Something in quarantine.
    Aside {
        /// It.
        item: Quarantined,
        /// Whether its time is over and its package is proved: it may go.
        over: bool,
        /// Until when it is kept; none: for ever.
        keep_until: Option<Timestamp>,
    },
}

/// What a comparison gave.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Every version that the database has here, the oldest proof first.
    pub(crate) rows: Vec<Placed>,
    /// What does not agree.
    pub(crate) differences: Vec<Difference>,
}

/// Compares one location with the database, but for its `.staging`: all of it, or only what concerns some packages.
///
/// # Errors
/// The database failed.
pub(crate) async fn at(
    who: &Who,
    location: &Arc<Location>,
    only: Option<&HashSet<PackageId>>,
) -> Result<Compared, OperationError> {
    // Rows that are made only in part say nothing about what has none.
    if let Some(why) = rebuild::in_database(&who.app.db).await? {
        return Err(OperationError::new("rebuild-unfinished", why));
    }
    let disk = match disk::survey(location, only).await? {
        Ok(disk) => disk,
        Err(why) => return Ok(Compared { rows: Vec::new(), differences: vec![Difference::Unusable { why }] }),
    };
    // Rows after the disk: what was placed meanwhile has a row, what was deleted meanwhile is looked for once more.
    let rows = rows::read(who, location.id(), only).await?;
    let mut differences = still_empty(location, disk.differences).await?;
    without_places_of_rows(&mut differences, &rows);
    who.orphans(location, &disk.versions, &rows, &mut differences).await?;
    who.forgotten(location, &disk.versions, only, &mut differences).await?;
    who.missing(location, &disk.versions, &rows, &mut differences).await?;
    who.abandoned(&rows, &mut differences).await?;
    if only.is_none() {
        who.quarantine(location, &mut differences).await?;
    }
    Ok(Compared { rows, differences })
}

/// Looks once more at folders of packages that were empty: one that was being placed or removed is not empty, or gone.
async fn still_empty(
    location: &Arc<Location>,
    mut differences: Vec<Difference>,
) -> Result<Vec<Difference>, OperationError> {
    let own = Arc::clone(location);
    crate::operations::cores::blocking(move || {
        let is_empty = |package: PackageId| {
            own.folders_of(package).into_iter().any(|found| matches!(found, Found::EmptyPackage { .. }))
        };
        differences.retain(|difference| match difference {
            Difference::Empty { package } => is_empty(*package),
            _ => true,
        });
        differences
    })
    .await
}

/// Leaves out what lies in the place of a version that the database has: it is that version that is not right.
fn without_places_of_rows(differences: &mut Vec<Difference>, rows: &[Placed]) {
    let with_folder = rows.iter().filter(|row| !matches!(row.state, VersionState::Wanted | VersionState::Deleting));
    let versions: HashSet<(PackageId, u64)> = with_folder.map(|row| (row.package_id, row.version)).collect();
    let packages: HashSet<PackageId> = versions.iter().map(|(package, _)| *package).collect();
    // The deleter takes the folder of a package along when its last version has gone.
    let deleting = rows.iter().filter(|row| row.state == VersionState::Deleting);
    let deleting: HashSet<PackageId> = deleting.map(|row| row.package_id).collect();
    let served: HashSet<PackageId> = rows.iter().filter(|row| row.is_served).map(|row| row.package_id).collect();
    differences.retain(|difference| match difference {
        Difference::Empty { package } => !packages.contains(package) && !deleting.contains(package),
        Difference::Unreadable { path, .. } => !matches!(
            layout::place_of(path),
            Some((package, None)) if served.contains(&package)
        ),
        Difference::Stranger { path } => match layout::place_of(path) {
            Some((package, None)) => !packages.contains(&package),
            Some((package, Some(version))) => !versions.contains(&(package, version)),
            None => true,
        },
        _ => true,
    });
}

/// What lies in a location's `.staging` and nobody waits for.
///
/// # Errors
/// The database failed.
pub(crate) async fn leftovers(who: &Who, location: &Arc<Location>) -> Result<Vec<Difference>, OperationError> {
    let mut differences = Vec::new();
    who.staging(location, &mut differences).await?;
    Ok(differences)
}

/// Something in a location that could not be read.
fn unreadable(location: &Location, error: &DiskError) -> Difference {
    let path = error.path.strip_prefix(location.path()).unwrap_or(&error.path).to_owned();
    Difference::Unreadable { path, why: with_causes(error) }
}

impl Difference {
    /// Its package and version, where it is about one.
    pub(crate) fn version(&self) -> Option<(PackageId, u64)> {
        match self {
            Self::Lost { manifest, .. } => Some((manifest.package, manifest.version)),
            Self::Orphan { package, version, .. }
            | Self::Foreign { package, version, .. }
            | Self::Twice { package, version, .. }
            | Self::OriginalGone { package, version } => Some((*package, *version)),
            Self::Missing { verdict: Verified { held, .. }, .. }
            | Self::Gone(held)
            | Self::Abandoned { held, .. }
            | Self::Stuck { held, .. } => Some((held.package_id, held.version)),
            _ => None,
        }
    }

    /// The thing's name in reports.
    pub(crate) fn item(&self, location: &Location) -> String {
        if let Some((package, version)) = self.version() {
            return match self {
                Self::OriginalGone { .. } => format!("original of package {package} version {version}"),
                Self::Twice { .. } => format!("package {package} version {version} at {}", location.path()),
                _ => format!("package {package} version {version}"),
            };
        }
        match self {
            Self::Empty { package } => format!("package {package}"),
            Self::Stranger { path } | Self::Unreadable { path, .. } => format!("{}/{path}", location.path()),
            Self::Staging(left) => format!("{}/.staging/{}", location.path(), left.name),
            Self::Aside { item, .. } => format!("{}/{}", location.path(), item.path),
            _ => location.path().to_string(),
        }
    }
}
