//! Which bulletin a record about a package belongs to: whoever speaks of a package often does not know, and whoever reads the
//! log of a bulletin wants to see it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use patchwharf_db::{Db, packages};
use patchwharf_model::{BulletinId, PackageId};

use tokio::time::Instant;

use super::LogRecord;

/// Packages that are remembered; then it begins anew.
const MOST: usize = 20_000;
/// Records wait no longer than this for a database that is busy or gone: they go without, and so do those of some time after.
const PATIENCE: Duration = Duration::from_millis(500);
/// So long a database that did not answer is not asked again: the log must not fall behind because of it.
const REST: Duration = Duration::from_secs(10);

/// The bulletins of packages that were spoken of. A package never comes to another one but by a vendor's catalogue, which is
/// rare enough for a log.
#[derive(Debug, Default)]
pub(super) struct About {
    known: HashMap<PackageId, BulletinId>,
    /// Until then it is not asked.
    rests_until: Option<Instant>,
}

impl About {
    /// Names the bulletin of each record that names a package alone, where it is known.
    pub(super) async fn name(&mut self, db: &Db, records: &mut [LogRecord]) {
        let of_package = |record: &LogRecord| -> Option<PackageId> {
            let is_alone = record.bulletin.as_deref().is_none_or(str::is_empty);
            record.package.as_deref().filter(|_| is_alone)?.parse().ok()
        };
        let new: HashSet<PackageId> =
            records.iter().filter_map(of_package).filter(|id| !self.known.contains_key(id)).collect();
        if !new.is_empty() && self.rests_until.is_none_or(|end| end <= Instant::now()) {
            let ids: Vec<PackageId> = new.into_iter().collect();
            // Said to no log: that would come back here.
            match tokio::time::timeout(PATIENCE, packages::bulletins_of(db, &ids)).await {
                Ok(Ok(found)) => self.remember(found),
                Err(_) | Ok(Err(_)) => self.rests_until = Some(Instant::now() + REST),
            }
        }
        for record in records {
            if let Some(bulletin) = of_package(record).and_then(|id| self.known.get(&id)) {
                record.bulletin = Some(bulletin.to_string());
            }
        }
    }

    fn remember(&mut self, found: Vec<(PackageId, BulletinId)>) {
        if self.known.len() + found.len() > MOST {
            self.known.clear();
        }
        self.known.extend(found);
    }
}
