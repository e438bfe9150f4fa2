//! `.staging`: what no version waits for any more is cleared.

use std::{collections::HashSet, ops::ControlFlow, sync::Arc};

use patchwharf_db::packages;
use patchwharf_store::{Found, Location, StagingKind, layout};

use super::{OperationError, cores};
use crate::app::App;

/// Clears `.staging` of every open location. Files on their way that an unfinished version wants stay, to be resumed.
pub(crate) async fn clear(app: &Arc<App>) -> Result<Vec<String>, OperationError> {
    let wanted = wanted(app).await?;
    let mut cleared = Vec::new();
    for location in app.locations.iter() {
        let (own, wanted) = (Arc::clone(location), wanted.clone());
        cleared.extend(cores::blocking(move || clear_one(&own, &wanted)).await??);
    }
    Ok(cleared)
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

/// What [`clear`] would clear: the location's path and the name.
pub(crate) async fn ownerless(app: &Arc<App>) -> Result<Vec<(String, String)>, OperationError> {
    let wanted = wanted(app).await?;
    let mut found = Vec::new();
    for location in app.locations.iter() {
        let (own, wanted) = (Arc::clone(location), wanted.clone());
        let names = cores::blocking(move || {
            let mut names = Vec::new();
            let scanned = own.scan(&mut |thing| {
                match thing {
                    Found::Staging { name, kind: StagingKind::Build, .. } => names.push(name),
                    Found::Staging { name, kind: StagingKind::Partial, .. } if !wanted.contains(&name) => {
                        names.push(name)
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            });
            scanned.map(|()| names)
        })
        .await?
        .map_err(|e| OperationError::new("store", format!("cannot read {}", location.path())).because(e))?;
        found.extend(names.into_iter().map(|name| (location.path().to_string(), name)));
    }
    Ok(found)
}
