//! The seeded mutants of the commit protocol; nothing in a release calls them.

use patchwharf_db::{packages, packages::StagedVersion};
use patchwharf_model::package::ProofStamp;

use super::{Complete, InPlace, new_version, staged};
use crate::{
    jobs::JobContext,
    operations::{OperationError, cores, write},
};

/// The seeded mutant `row-first`: the database is told before anything has its name.
pub(super) async fn rows_first(
    ctx: &JobContext,
    builds: impl Iterator<Item = &Complete>,
) -> Result<(), OperationError> {
    let now = ctx.now();
    let nowhere = ProofStamp { dev: 0, inode: 0, size_bytes: 0, mtime_ns: 0, ctime_ns: 0 };
    let versions: Vec<StagedVersion> = builds
        .map(|(build, got)| StagedVersion {
            package_id: build.package,
            version: build.version,
            token: build.token,
            weak: build.is_weak(),
            files: new_version(build, got, now)
                .manifest
                .files
                .into_iter()
                .map(|file| staged(file.name, file.size_bytes, file.sha256, nowhere, now))
                .collect(),
            replaces: build.replaces,
        })
        .collect();
    let mut w = write(ctx).await?;
    packages::commit_staged(&mut w, ctx.job, super::commit::retire_after(ctx), &versions).await?;
    w.commit().await?;
    Ok(())
}

/// The seeded mutant `delete-first`: the old version goes before the new one is committed.
pub(super) async fn old_first(ctx: &JobContext, in_place: &[InPlace]) -> Result<(), OperationError> {
    let old: Vec<_> = in_place
        .iter()
        .filter_map(|one| one.build.from.as_ref())
        .map(|from| (from.location, from.package, from.version))
        .collect();
    let (own, now) = (ctx.clone(), ctx.now());
    cores::blocking(move || {
        for (location, package, version) in old {
            if let Some(location) = super::super::plan::location_of(&own, location) {
                let _ = location.quarantine_version(package, version, now);
            }
        }
    })
    .await
}
