//! The switch of versions to another location, where they are whole and proved.

use std::collections::{BTreeSet, HashSet};

use patchwharf_model::{JobId, LocationId, PackageId};

use super::{
    Proof, StagedFile,
    proof::{self, Inode},
};
use crate::{
    Result, Write, derived,
    sql::{IntoValue, record, rows},
};

const WHAT: &str = "move versions to another location";

record!(
    struct Raised {
        package_id: PackageId,
    }
);
record!(
    struct Switched {
        package_id: PackageId,
        version: u64,
    }
);

/// A version that lies whole and proved at another location than its row says.
#[derive(Clone, Debug)]
pub struct Relocated {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// The package's fencing token, held by the job.
    pub token: i64,
    /// Where its row says that it is.
    pub from: LocationId,
    /// Where it is now.
    pub to: LocationId,
    /// Whether the copy that stays behind is the same data on disk: then it is no second copy.
    pub same_data: bool,
    /// All its files with their proofs at the new place.
    pub files: Vec<StagedFile>,
}

/// What a switch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relocation {
    /// Versions that are served from the new place now.
    pub moved: Vec<(PackageId, u64)>,
    /// Packages whose token or lock was another's by now, or that were not where they were said to be: unchanged.
    pub lost: Vec<PackageId>,
}

/// Switches versions to the places where they were proved, in one transaction for the batch: location, inodes, proofs,
/// states (a version that was damaged where it was is staged again), what is left behind, derived columns. The copy at
/// the old place becomes an original; a copy that was an original at the new place is none any more.
///
/// # Errors
/// When the database fails; then nothing was changed.
pub async fn relocate(w: &mut Write<'_>, job: JobId, versions: &[Relocated]) -> Result<Relocation> {
    let held = raise_tokens(w, job, versions).await?;
    let (kept, lost): (Vec<&Relocated>, Vec<&Relocated>) = versions.iter().partition(|v| held.contains(&v.package_id));
    let mut lost: BTreeSet<PackageId> = lost.into_iter().map(|v| v.package_id).collect();
    if kept.is_empty() {
        return Ok(Relocation { moved: Vec::new(), lost: lost.into_iter().collect() });
    }
    let before = inodes(w, &kept).await?;
    let switched = switch(w, job, &kept).await?;
    let (kept, unmoved): (Vec<&Relocated>, Vec<&Relocated>) =
        kept.into_iter().partition(|v| switched.contains(&(v.package_id, v.version)));
    lost.extend(unmoved.iter().map(|v| v.package_id));
    let sharers = files(w, job, &kept).await?;
    proof::drop_unused(w, WHAT, &before).await?;
    leave_behind(w, job, &kept).await?;
    derived::packages(w, kept.iter().map(|v| v.package_id).chain(sharers)).await?;
    for v in &kept {
        let place = |at: LocationId| Some(format!("version {} at location {at}", v.version));
        w.audit("package.relocate", format!("package {}", v.package_id), place(v.from), place(v.to));
    }
    let moved = kept.iter().map(|v| (v.package_id, v.version)).collect();
    Ok(Relocation { moved, lost: lost.into_iter().collect() })
}

/// Raises the tokens that are still the caller's. A token that was raised makes worthless what others have read.
async fn raise_tokens(w: &mut Write<'_>, job: JobId, versions: &[Relocated]) -> Result<HashSet<PackageId>> {
    const RAISE: &str = "UPDATE package SET token = token + 1 FROM (SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS id, \
         CAST(value ->> 1 AS BIGINT) AS held FROM json_each($2)) AS j WHERE package.package_id = j.id \
         AND package.token = j.held AND package.lock_job || '' = $1 RETURNING package_id";
    let held = rows(WHAT, versions.iter().map(|v| (v.package_id, v.token)))?;
    let raised: Vec<Raised> = w.all(WHAT, RAISE, vec![job.into_value(), held]).await?;
    Ok(raised.into_iter().map(|row| row.package_id).collect())
}

/// The inodes that the versions have where they are.
async fn inodes(w: &mut Write<'_>, versions: &[&Relocated]) -> Result<Vec<Inode>> {
    const INODES: &str = "SELECT DISTINCT v.location_id, f.dev, f.inode FROM json_each($1) AS j \
         CROSS JOIN package_version AS v CROSS JOIN package_file AS f WHERE v.package_id = CAST(j.value ->> 0 AS TEXT) \
         AND v.version = CAST(j.value ->> 1 AS BIGINT) AND f.package_id = v.package_id AND f.version = v.version \
         AND f.inode IS NOT NULL";
    let batch = rows(WHAT, versions.iter().map(|v| (v.package_id, v.version)))?;
    w.all(WHAT, INODES, vec![batch]).await
}

async fn switch(w: &mut Write<'_>, job: JobId, versions: &[&Relocated]) -> Result<HashSet<(PackageId, u64)>> {
    const SWITCH: &str = "UPDATE package_version SET location_id = j.place, job_id = $1, reason = '', \
         next_try_at = NULL, attempts = 0, since = CASE WHEN package_version.state IN ('corrupt', 'missing') THEN $2 \
         ELSE package_version.since END, state = CASE WHEN package_version.state IN ('corrupt', 'missing') \
         THEN 'staged' ELSE package_version.state END FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, \
         CAST(value ->> 1 AS BIGINT) AS number, CAST(value ->> 2 AS TEXT) AS was, CAST(value ->> 3 AS TEXT) AS place \
         FROM json_each($3)) AS j WHERE package_version.package_id = j.id AND package_version.version = j.number \
         AND package_version.location_id || '' = j.was \
         AND package_version.state || '' IN ('staged', 'corrupt', 'missing', 'retired') RETURNING package_id, version";
    let lines = rows(WHAT, versions.iter().map(|v| (v.package_id, v.version, v.from, v.to)))?;
    let now = w.now();
    let done: Vec<Switched> = w.all(WHAT, SWITCH, vec![job.into_value(), now.into_value(), lines]).await?;
    Ok(done.into_iter().map(|row| (row.package_id, row.version)).collect())
}

/// Files and proofs. Returns the packages that share an inode with one of the files.
async fn files(w: &mut Write<'_>, job: JobId, versions: &[&Relocated]) -> Result<Vec<PackageId>> {
    const FILES: &str = "UPDATE package_file SET state = 'staged', reason = '', looked_at = NULL, dev = j.device, inode = j.number \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS version, \
         CAST(value ->> 2 AS TEXT) AS name, CAST(value ->> 3 AS BIGINT) AS device, \
         CAST(value ->> 4 AS BIGINT) AS number FROM json_each($1)) AS j WHERE package_file.package_id = j.id \
         AND package_file.version = j.version AND package_file.name = j.name";
    let (mut lines, mut proofs) = (Vec::new(), Vec::new());
    for v in versions {
        for f in &v.files {
            let (dev, inode) = (f.stamp.dev.cast_signed(), f.stamp.inode.cast_signed());
            lines.push((v.package_id, v.version, &f.name, dev, inode));
            let proof = Proof { stamp: f.stamp, sha256: f.sha256, verified_at: f.verified_at };
            // A link changed the inode's stamp for whoever has it at the old place, too.
            if v.same_data {
                proofs.push((v.from, proof.clone()));
            }
            proofs.push((v.to, proof));
        }
    }
    w.run(WHAT, FILES, vec![rows(WHAT, lines)?]).await?;
    proof::put(w, WHAT, Some(job), &proofs).await
}

/// The copies at the old places become originals; those at the new places are what is served. Where some original is the
/// same data as another copy, none of the version's originals is called a copy of its own: which two of them share their
/// bytes is not on record.
async fn leave_behind(w: &mut Write<'_>, job: JobId, versions: &[&Relocated]) -> Result<()> {
    const SERVED: &str = "DELETE FROM original WHERE (package_id, version, location_id) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 3 AS TEXT) FROM json_each($1))";
    const LEFT: &str = "INSERT INTO original (package_id, version, location_id, same_data, moved_at, job_id) \
         SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS TEXT), \
         CASE WHEN CAST(value ->> 4 AS BIGINT) = 1 OR EXISTS (SELECT 1 FROM original AS o WHERE o.same_data = 1 \
         AND o.package_id = CAST(value ->> 0 AS TEXT) AND o.version = CAST(value ->> 1 AS BIGINT)) THEN 1 ELSE 0 END, \
         $2, $3 FROM json_each($1) WHERE true \
         ON CONFLICT (package_id, version, location_id) DO UPDATE SET same_data = excluded.same_data, \
         moved_at = excluded.moved_at, job_id = excluded.job_id";
    let line = |v: &&Relocated| (v.package_id, v.version, v.from, v.to, i64::from(v.same_data));
    let lines = rows(WHAT, versions.iter().map(line))?;
    w.run(WHAT, SERVED, vec![lines.clone()]).await?;
    let now = w.now();
    w.run(WHAT, LEFT, vec![lines, now.into_value(), job.into_value()]).await?;
    Ok(())
}
