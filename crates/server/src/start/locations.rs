//! Opening the package locations that the database knows; making the first one.

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::{Db, locations as table};
use patchwharf_model::{DeploymentId, Timestamp};
use patchwharf_store::Location;

use crate::{app::Locations, config::Config, words};

/// Opens every location. The default one must be there: an empty mount point must never look like "all packages gone"
/// (C-22). Another that is away leaves its packages "location not open".
pub(super) async fn open(
    db: &Db,
    config: &Config,
    deployment: DeploymentId,
    now: Timestamp,
) -> anyhow::Result<Locations> {
    if table::default(db).await?.is_none() {
        let path = absolute(&config.first_location())?;
        let location = first(&path, deployment, now)?;
        let mut write = db.write("system", "start-up", now).await?;
        table::create(&mut write, location.id(), &path).await?;
        write.commit().await?;
        tracing::info!(location = %location.id(), %path, "made the first package location");
    }
    let locations = Locations::new(deployment);
    locations.reload(db).await?;
    locations.default_location()?;
    Ok(locations)
}

/// Makes the first location, or takes the one that a first start made and did not live to record.
fn first(path: &Utf8Path, deployment: DeploymentId, now: Timestamp) -> anyhow::Result<Location> {
    let location = if path.join(patchwharf_store::layout::MARKER).exists() {
        Location::open(path, None, deployment)
    } else {
        Location::create(path, deployment, now)
    };
    location.with_context(|| format!("cannot make the first package location at {path}"))
}

/// The real path: relative paths and links of the way there are resolved once, here.
fn absolute(path: &Utf8Path) -> anyhow::Result<Utf8PathBuf> {
    let whole = words::absolute(path)?;
    match (whole.parent().map(Utf8Path::canonicalize_utf8), whole.file_name()) {
        (Some(Ok(parent)), Some(name)) => Ok(parent.join(name)),
        _ => Ok(whole),
    }
}
