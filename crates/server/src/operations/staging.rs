//! `.staging`: what no version waits for any more is cleared.

use std::{collections::HashSet, sync::Arc};

use patchwharf_db::packages;
use patchwharf_store::{Location, layout};

use super::{OperationError, cores};
use crate::app::App;

/// Clears `.staging` of every open location. Files on their way that an unfinished version wants stay, to be resumed.
pub(crate) async fn clear(app: &Arc<App>) -> Result<(), OperationError> {
    for location in app.locations.iter() {
        clear_at(app, &location).await?;
    }
    Ok(())
}

/// The same at one location; says what went.
pub(crate) async fn clear_at(app: &Arc<App>, location: &Arc<Location>) -> Result<Vec<String>, OperationError> {
    let (own, wanted) = (Arc::clone(location), wanted(app).await?);
    cores::blocking(move || clear_one(&own, &wanted)).await?
}

fn clear_one(location: &Location, wanted: &HashSet<String>) -> Result<Vec<String>, OperationError> {
    location.clear_staging(&|name| wanted.contains(name)).map_err(|error| {
        OperationError::new("store", format!("cannot clear {}/.staging; check the file system", location.path()))
            .because(error)
    })
}

/// The names in `.staging` of all files that unfinished versions wait for.
pub(crate) async fn wanted(app: &App) -> Result<HashSet<String>, OperationError> {
    let digests = packages::wanted_contents(&app.db).await?;
    Ok(digests.iter().map(layout::partial_name).collect())
}
