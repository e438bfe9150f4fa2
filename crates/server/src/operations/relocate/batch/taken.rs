//! Copies that lie at the new place already.

use std::{collections::HashMap, sync::Arc};

use patchwharf_db::{
    packages,
    packages::{File, StagedFile, Version},
};
use patchwharf_store::{Location, Way};

use super::{Arrived, Batch};
use crate::operations::{
    OperationError, cores,
    places::{self, Damage, VersionKey},
    with_causes, write,
};

impl Batch {
    /// Versions that lie at the new place already: a crash came between name and row, or they were moved away from there
    /// before. Those that prove whole are taken as they are, others are set aside.
    pub(super) async fn taken(
        &self,
        versions: Vec<(Version, Vec<File>)>,
    ) -> Result<(Vec<Arrived>, Vec<(Version, Vec<File>)>), OperationError> {
        let keys: Vec<VersionKey> = versions.iter().map(|(v, _)| (v.package_id, v.version)).collect();
        let known: HashMap<VersionKey, bool> = packages::originals_of(&self.ctx.app.db, &keys)
            .await?
            .into_iter()
            .filter(|original| original.location_id == self.target.id())
            .map(|original| ((original.package_id, original.version), original.same_data))
            .collect();
        let target = Arc::clone(&self.target);
        let (there, mut rest): (Vec<_>, Vec<_>) = cores::blocking(move || {
            versions.into_iter().partition(|(v, _)| target.has_version(v.package_id, v.version))
        })
        .await?;
        let there = Arc::new(there);
        let (own, source, target) = (Arc::clone(&there), Arc::clone(&self.source), Arc::clone(&self.target));
        let (key, now) = (self.ctx.app.known_keys().await?, self.ctx.now());
        let proved = cores::for_each((0..there.len()).collect(), move |at| {
            let (version, files) = &own[*at];
            places::prove(&target, version, files, &key, now)
                .map(|proved| (shares_an_inode(&source, version, &proved), proved))
                .map_err(|damage| set_aside(&target, version, &damage, now))
        })
        .await?;
        let (mut taken, mut gone) = (Vec::new(), Vec::new());
        for ((version, files), looked) in Arc::unwrap_or_clone(there).into_iter().zip(proved) {
            match looked {
                Err(is_aside) => {
                    let (package, number) = (version.package_id, version.version);
                    if is_aside && known.contains_key(&(package, number)) {
                        gone.push((package, number, self.target.id()));
                    }
                    rest.push((version, files));
                }
                Ok((shares, proved)) => {
                    let key = (version.package_id, version.version);
                    let same_data = known.get(&key).copied().unwrap_or(self.way == Way::SameData) || shares;
                    taken.push(Arrived { version, files: proved, same_data, copied_bytes: 0 });
                }
            }
        }
        // What comes in their place is no original until it has its row.
        if !gone.is_empty() {
            let mut w = write(&self.ctx).await?;
            packages::forget_originals(&mut w, &gone).await?;
            w.commit().await?;
        }
        Ok((taken, rest))
    }
}

/// A folder at the new place that is not what it should be makes room, if it can.
fn set_aside(target: &Location, version: &Version, damage: &Damage, now: patchwharf_model::Timestamp) -> bool {
    let (package, number) = (version.package_id, version.version);
    let aside = target.quarantine_version(package, number, now);
    match &aside {
        Ok(path) => tracing::warn!(
            package.id = %package, version = number,
            "a copy at the new place is not whole ({}); it is kept in {path}", damage.reason
        ),
        Err(error) => tracing::warn!(
            package.id = %package, version = number, error = %with_causes(error),
            "a copy at the new place is not whole ({}), and cannot be set aside", damage.reason
        ),
    }
    aside.is_ok()
}

/// Whether a copy has an inode of the original: then it is no copy. The disk is asked, for rows know no inode that a crash
/// came before.
fn shares_an_inode(source: &Location, version: &Version, proved: &[StagedFile]) -> bool {
    proved.iter().any(|file| {
        source
            .open_file(version.package_id, version.version, &file.name)
            .is_ok_and(|(_, original)| (original.dev, original.inode) == (file.stamp.dev, file.stamp.inode))
    })
}
