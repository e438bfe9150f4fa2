//! Packages that nothing uses, and those that nobody vouches for.

use patchwharf_db::packages;
use patchwharf_model::finding::FindingKind;

use super::{check::Check, judge::Draft, words::of_location};
use crate::operations::OperationError;

impl Check<'_> {
    /// Notes the packages that no policy needs and that are not offered.
    pub(super) async fn look_for_idle(&mut self) -> Result<(), OperationError> {
        if self.wish.light {
            return Ok(());
        }
        let idle = packages::idle(&self.ctx.app.db).await?;
        let drafts: Vec<Draft> = idle
            .into_iter()
            .filter(|one| self.scope.has(Some(one.package_id), Some(one.location_id)))
            .map(|one| {
                let found = format!("{}, and no policy needs it ({})", one.why, crate::words::bytes(one.size_bytes));
                let path = one.package_id.to_string();
                Draft {
                    version: Some((one.package_id, one.version)),
                    ..of_location(FindingKind::PackageUnused, one.location_id, &path, "a package that is used", found)
                }
            })
            .collect();
        for drafts in drafts.chunks(500) {
            self.note(drafts.to_vec()).await?;
        }
        self.look_for_unproved().await
    }

    /// Names the packages whose rows were made again and whose digests nobody vouches for.
    async fn look_for_unproved(&mut self) -> Result<(), OperationError> {
        let unproved = packages::unproved(&self.ctx.app.db).await?;
        let drafts: Vec<Draft> = unproved
            .into_iter()
            .filter(|one| self.scope.has(Some(one.package_id), Some(one.location_id)))
            .map(|one| {
                let (path, expected) = (one.package_id.to_string(), "digests that a feed or a trusted signature names");
                let found = format!("digests that only its manifest names, of feed {:?}", one.feed);
                Draft {
                    version: Some((one.package_id, one.version)),
                    ..of_location(FindingKind::PackageUnproved, one.location_id, &path, expected, found)
                }
            })
            .collect();
        for drafts in drafts.chunks(500) {
            self.note(drafts.to_vec()).await?;
        }
        Ok(())
    }
}
