//! What is left at a location after a prune.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use patchwharf_db::{locations as table, packages};
use patchwharf_model::Timestamp;
use patchwharf_store::{Found, Location};

use crate::{
    jobs::JobContext,
    operations::{OperationError, assembly::told::line, cores, with_causes},
    words::count,
};

/// Foreign things that are named one by one.
const NAMED: usize = 100;

/// What is left.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Packages that are served from there.
    packages: u64,
    /// Versions that wait there to be unlinked.
    retired: u64,
    /// Originals.
    pub(super) originals: u64,
    /// Things that are not this server's.
    foreign: u64,
    /// Things in quarantine.
    quarantined: u64,
}

/// Looks at rows and disk.
pub(super) async fn look(ctx: &JobContext, location: &Arc<Location>) -> Result<Rest, OperationError> {
    let db = &ctx.app.db;
    let used = table::usage(db).await?.into_iter().find(|used| used.location_id == location.id());
    let originals = packages::original_totals(db, location.id(), Timestamp::MAX, None).await?.versions;
    let own = Arc::clone(location);
    let (foreign, named, quarantined) = cores::blocking(move || {
        let (mut foreign, mut named) = (0, Vec::new());
        let scanned = own.scan(&mut |found| {
            let thing = match found {
                Found::Foreign { path } => path.to_string(),
                Found::Unreadable(error) => with_causes(&error),
                _ => return ControlFlow::Continue(()),
            };
            foreign += 1;
            // A folder full of somebody's files is counted, not kept in memory.
            if named.len() < NAMED {
                named.push(thing);
            }
            ControlFlow::Continue(())
        });
        let quarantined = own.quarantined().map_or(0, |items| items.len() as u64);
        scanned.map(|()| (foreign, named, quarantined))
    })
    .await?
    .map_err(|e| OperationError::new("store", format!("cannot read {}", location.path())).because(e))?;
    for path in named {
        let reason = "not put there by this server; it is never touched".to_owned();
        line(ctx, format!("{}/{path}", location.path()), "foreign", false, reason);
    }
    let (packages, versions) = used.map_or((0, 0), |used| (used.packages, used.versions));
    let retired = versions.saturating_sub(packages);
    Ok(Rest { packages, retired, originals, foreign, quarantined })
}

impl Rest {
    pub(super) fn sentence(&self, dry_run: bool) -> String {
        let mut left = Vec::new();
        if self.packages > 0 {
            left.push(format!("{} served from there", count(self.packages, "package")));
        }
        if self.retired > 0 {
            let versions = count(self.retired, "replaced version");
            left.push(format!("{versions} until the grace time (`packages.grace`) is over"));
        }
        if self.originals > 0 {
            left.push(count(self.originals, "original"));
        }
        if self.foreign > 0 {
            left.push(format!("{} not this server's", count(self.foreign, "thing")));
        }
        if self.quarantined > 0 {
            left.push(format!("{} in quarantine", count(self.quarantined, "thing")));
        }
        match (left.as_slice(), dry_run) {
            ([], false) => "Nothing of this server's packages is left there".to_owned(),
            ([], true) => "Nothing of this server's packages would be left there".to_owned(),
            (left, false) => format!("Left there: {}", left.join(", ")),
            (left, true) => format!("Left there would be: {}", left.join(", ")),
        }
    }

    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        [
            ("packages-left", self.packages),
            ("replaced-versions-left", self.retired),
            ("originals-left", self.originals),
            ("foreign-left", self.foreign),
            ("quarantined-left", self.quarantined),
        ]
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
    }
}
