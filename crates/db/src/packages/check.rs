//! What an integrity check reads and writes: where every version should lie, what each file must be, and proofs renewed
//! at the least cost.

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, Sha256, package::ProofStamp, package::VersionState};

use super::{Held, proof};
use crate::{
    Db, Result, Write, derived,
    packed::{Packed, packed},
    sql::{Cells, Column, IntoValue, Record, args, record, rows},
};

record!(
    /// A version and where the database has it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Placed {
        /// The package.
        pub package_id: PackageId,
        /// The version.
        pub version: u64,
        /// Its location.
        pub location_id: LocationId,
        /// Its state.
        pub state: VersionState,
        /// Why it is bad, or stuck.
        pub reason: String,
        /// Whether it is the served version of its update's package.
        pub is_served: bool,
        /// The package's fencing token.
        pub token: i64,
        /// Bytes of its files.
        pub size_bytes: u64,
        /// The oldest proof among the package's files; 0: one has none.
        pub proved_at: Timestamp,
        /// The job that began or changed it last.
        pub job_id: Option<JobId>,
        /// The job that changes the package now.
        pub lock_job: Option<JobId>,
        /// Until when.
        pub lock_until: Option<Timestamp>,
    }
);

macro_rules! placed {
    ($condition:literal) => {
        packed!(
            [
                package_id: "v.package_id",
                version: "v.version",
                location_id: "v.location_id",
                state: "v.state",
                reason: "v.reason",
                is_served: "CASE WHEN p.active = 1 AND p.current_version = v.version THEN 1 ELSE 0 END",
                token: "p.token",
                size_bytes: "v.size_bytes",
                proved_at: "p.proved_at",
                job_id: "v.job_id",
                lock_job: "p.lock_job",
                lock_until: "p.lock_until",
            ],
            concat!("FROM package_version AS v JOIN package AS p ON p.package_id = v.package_id ", $condition)
        )
    };
}

/// A file that is to be checked, with what is on record of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileToCheck {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// The package's fencing token now.
    pub token: i64,
    /// Its name.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its content; none: never downloaded.
    pub sha256: Option<Sha256>,
    /// Its state.
    pub state: VersionState,
    /// Its proof: stamp, when, and by which job.
    pub proof: Option<(ProofStamp, Timestamp, Option<JobId>)>,
}

impl Record for FileToCheck {
    fn read(row: &dyn Cells) -> Result<Self> {
        let proof = proof::optional(row)?;
        Ok(Self {
            package_id: PackageId::read(row, "package_id")?,
            version: u64::read(row, "version")?,
            token: i64::read(row, "token")?,
            name: String::read(row, "name")?,
            size_bytes: u64::read(row, "length")?,
            sha256: Option::read(row, "sha256")?,
            state: VersionState::read(row, "state")?,
            proof: match proof {
                None => None,
                Some((stamp, at)) => Some((stamp, at, Option::read(row, "proof_job")?)),
            },
        })
    }
}

struct ManifestStamp((PackageId, u64), ProofStamp);

impl Record for ManifestStamp {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self((PackageId::read(row, "package_id")?, u64::read(row, "version")?), proof::stamp(row)?))
    }
}

/// A proof that a hash has just confirmed, stamp and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// The package that the file is of.
    pub package_id: PackageId,
    /// Its location.
    pub location_id: LocationId,
    /// The stamp, as it was recorded and as it is.
    pub stamp: ProofStamp,
    /// Whether its inode has further names.
    pub shared: bool,
}

/// Every version whose folder should be at a location, whatever its state; the oldest proof first.
///
/// # Errors
/// When the database fails.
pub async fn placed_at(db: &Db, location: LocationId) -> Result<Vec<Placed>> {
    const AT: Packed = placed!("WHERE v.location_id = $1 ORDER BY p.proved_at, p.package_id, v.version");
    db.all_packed("read where versions lie", &AT, args![location]).await
}

/// Every version of these packages, wherever; the oldest proof first.
///
/// # Errors
/// When the database fails.
pub async fn placed(db: &Db, packages: &[PackageId]) -> Result<Vec<Placed>> {
    const WHAT: &str = "read where versions lie";
    const OF: Packed = placed!(
        "WHERE v.package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) \
         ORDER BY p.proved_at, p.package_id, v.version"
    );
    db.all_packed(WHAT, &OF, vec![rows(WHAT, packages.iter().map(|id| (id,)))?]).await
}

/// The files of these versions, by package, version and name.
///
/// # Errors
/// When the database fails.
pub async fn files_to_check(db: &Db, versions: &[(PackageId, u64)]) -> Result<Vec<FileToCheck>> {
    const WHAT: &str = "read files to check";
    const FILES: Packed = packed!(
        [
            package_id: "f.package_id",
            version: "f.version",
            token: "p.token",
            name: "f.name",
            length: "f.size_bytes",
            sha256: "f.sha256",
            state: "f.state",
            verified_at: "r.verified_at",
            proof_job: "r.job_id",
            dev: "r.dev",
            inode: "r.inode",
            size_bytes: "r.size_bytes",
            mtime_ns: "r.mtime_ns",
            ctime_ns: "r.ctime_ns",
        ],
        "FROM json_each($1) AS j CROSS JOIN package_version AS v JOIN package AS p ON p.package_id = v.package_id \
         JOIN package_file AS f ON f.package_id = v.package_id AND f.version = v.version \
         LEFT JOIN proof AS r ON r.location_id = v.location_id AND r.dev = f.dev AND r.inode = f.inode \
         WHERE v.package_id = CAST(j.value ->> 0 AS TEXT) AND v.version = CAST(j.value ->> 1 AS BIGINT) \
         ORDER BY f.package_id, f.version, f.name"
    );
    db.all_packed(WHAT, &FILES, vec![rows(WHAT, versions)?]).await
}

record!(
    /// A package that nothing uses.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Idle {
        /// The package.
        pub package_id: PackageId,
        /// Its current version.
        pub version: u64,
        /// Where it lies.
        pub location_id: LocationId,
        /// Its bytes.
        pub size_bytes: u64,
        /// Why nothing uses it.
        pub why: String,
    }
);

/// Packages that no policy needs and that are not offered: superseded, withdrawn, no longer listed, or disabled.
///
/// # Errors
/// When the database fails.
pub async fn idle(db: &Db) -> Result<Vec<Idle>> {
    const IDLE: &str = "SELECT p.package_id, v.version, v.location_id, v.size_bytes, \
         CASE WHEN r.update_id IS NULL OR r.listed = 0 THEN 'no catalogue lists its update any more' \
         WHEN r.withdrawn = 1 THEN 'the vendor has withdrawn its update' \
         WHEN r.superseded_by IS NOT NULL THEN 'superseded by ' || r.superseded_by \
         ELSE 'its bulletin is disabled' END AS why \
         FROM package AS p JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.current_version \
         JOIN software_update AS i ON i.update_id = p.update_id JOIN feed AS f ON f.feed_id = i.feed_id \
         LEFT JOIN update_revision AS r ON r.update_id = p.update_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) \
         LEFT JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id WHERE p.active = 1 \
         AND v.unproved = 0 AND (r.update_id IS NULL OR r.listed = 0 OR r.withdrawn = 1 OR r.superseded_by IS NOT NULL OR b.enabled = 0) \
         AND NOT EXISTS (SELECT 1 FROM policy_update AS s WHERE s.update_id = p.update_id) ORDER BY p.package_id";
    db.all("find packages that nothing uses", IDLE, args![]).await
}

/// Which of these is no longer as the caller knew it: its token has risen.
///
/// # Errors
/// When the database fails.
pub async fn overtaken(w: &mut Write<'_>, held: &[Held]) -> Result<Vec<PackageId>> {
    const WHAT: &str = "compare fencing tokens";
    const STILL: &str = "SELECT p.package_id AS text FROM json_each($1) AS j CROSS JOIN package AS p \
         WHERE p.package_id = CAST(j.value ->> 0 AS TEXT) AND p.token = CAST(j.value ->> 1 AS BIGINT)";
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let lines = rows(WHAT, held.iter().map(|h| (h.package_id, h.token)))?;
    let still: Vec<crate::sql::Text> = w.all(WHAT, STILL, vec![lines]).await?;
    let still: std::collections::HashSet<String> = still.into_iter().map(|row| row.text).collect();
    Ok(held.iter().map(|h| h.package_id).filter(|id| !still.contains(&id.to_string())).collect())
}

/// Renews proofs that a hash has confirmed: only their time moves, and the columns that follow from it. A proof that is
/// no longer the one that was confirmed is left alone.
///
/// # Errors
/// When the database fails.
pub async fn renew_proofs(w: &mut Write<'_>, job: JobId, at: Timestamp, confirmed: &[Confirmed]) -> Result<()> {
    const WHAT: &str = "renew proofs";
    const RENEW: &str = "UPDATE proof SET verified_at = $1, job_id = $2 FROM (SELECT CAST(value ->> 0 AS TEXT) AS place, \
         CAST(value ->> 1 AS BIGINT) AS device, CAST(value ->> 2 AS BIGINT) AS number, \
         CAST(value ->> 3 AS BIGINT) AS changed FROM json_each($3)) AS j WHERE proof.location_id = j.place \
         AND proof.dev = j.device AND proof.inode = j.number AND proof.ctime_ns = j.changed";
    if confirmed.is_empty() {
        return Ok(());
    }
    let key = |c: &Confirmed| (c.location_id, c.stamp.dev.cast_signed(), c.stamp.inode.cast_signed());
    // One statement cannot change a row twice on PostgreSQL.
    let inodes: std::collections::BTreeMap<_, _> = confirmed.iter().map(|c| (key(c), c.stamp.ctime_ns)).collect();
    let lines = inodes.iter().map(|((place, dev, inode), ctime)| (place, dev, inode, ctime));
    w.run(WHAT, RENEW, vec![at.into_value(), job.into_value(), rows(WHAT, lines)?]).await?;
    let shared = confirmed.iter().filter(|c| c.shared).map(key);
    let others = proof::users(w, WHAT, rows(WHAT, shared)?).await?;
    derived::proofs(w, confirmed.iter().map(|c| c.package_id).chain(others)).await
}

/// Stamps of manifests whose signatures were verified.
///
/// # Errors
/// When the database fails.
pub async fn manifest_stamps(db: &Db, versions: &[(PackageId, u64)]) -> Result<Vec<((PackageId, u64), ProofStamp)>> {
    const WHAT: &str = "read stamps of manifests";
    const READ: &str = "SELECT m.* FROM json_each($1) AS j CROSS JOIN manifest_proof AS m \
         WHERE m.package_id = CAST(j.value ->> 0 AS TEXT) AND m.version = CAST(j.value ->> 1 AS BIGINT)";
    let found: Vec<ManifestStamp> = db.all(WHAT, READ, vec![rows(WHAT, versions)?]).await?;
    Ok(found.into_iter().map(|one| (one.0, one.1)).collect())
}

/// Forgets the stamps of manifests that are not right.
///
/// # Errors
/// When the database fails.
pub async fn forget_manifest_stamps(w: &mut Write<'_>, versions: &[(PackageId, u64)]) -> Result<()> {
    const WHAT: &str = "forget stamps of manifests";
    const FORGET: &str = "DELETE FROM manifest_proof WHERE (package_id, version) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT) FROM json_each($1))";
    if versions.is_empty() {
        return Ok(());
    }
    w.run(WHAT, FORGET, vec![rows(WHAT, versions)?]).await?;
    Ok(())
}

/// Notes stamps of manifests whose signatures were verified. Versions that are gone meanwhile are left out.
///
/// # Errors
/// When the database fails.
pub async fn put_manifest_stamps(w: &mut Write<'_>, stamps: &[((PackageId, u64), ProofStamp)]) -> Result<()> {
    const WHAT: &str = "note stamps of manifests";
    const PUT: &str = "INSERT INTO manifest_proof (package_id, version, dev, inode, size_bytes, mtime_ns, ctime_ns) \
         SELECT v.package_id, v.version, CAST(j.value ->> 2 AS BIGINT), CAST(j.value ->> 3 AS BIGINT), \
         CAST(j.value ->> 4 AS BIGINT), CAST(j.value ->> 5 AS BIGINT), CAST(j.value ->> 6 AS BIGINT) \
         FROM json_each($1) AS j CROSS JOIN package_version AS v WHERE v.package_id = CAST(j.value ->> 0 AS TEXT) \
         AND v.version = CAST(j.value ->> 1 AS BIGINT) ON CONFLICT (package_id, version) DO UPDATE SET \
         dev = excluded.dev, inode = excluded.inode, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, \
         ctime_ns = excluded.ctime_ns";
    if stamps.is_empty() {
        return Ok(());
    }
    let lines = stamps.iter().map(|((package, version), s)| {
        (package, version, s.dev.cast_signed(), s.inode.cast_signed(), s.size_bytes, s.mtime_ns, s.ctime_ns)
    });
    w.run(WHAT, PUT, vec![rows(WHAT, lines)?]).await?;
    Ok(())
}
