//! What serving and linking need to know of files.

use std::collections::{BTreeMap, btree_map::Entry};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use patchwharf_model::{LocationId, PackageId, Sha256, UpdateId, package::ProofStamp, package::VersionState};

use super::proof;
use crate::{
    Db, Result,
    sql::{Cells, Column, IntoValue, Record, args, record, rows},
};

impl Record for Content {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self {
            location_id: LocationId::read(row, "location_id")?,
            location_path: Utf8PathBuf::read(row, "location_path")?,
            update_id: UpdateId::read(row, "update_id")?,
            size_bytes: u64::read(row, "length")?,
            sha256: Option::read(row, "sha256")?,
            state: VersionState::read(row, "state")?,
            reason: String::read(row, "reason")?,
            version_state: VersionState::read(row, "version_state")?,
            unproved: bool::read(row, "unproved")?,
            token: i64::read(row, "token")?,
            current_version: Option::read(row, "current_version")?,
            active: bool::read(row, "active")?,
            proof: proof::optional(row)?,
        })
    }
}

impl Record for LinkCandidate {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self {
            sha256: Sha256::read(row, "sha256")?,
            package_id: PackageId::read(row, "package_id")?,
            version: u64::read(row, "version")?,
            name: String::read(row, "name")?,
            size_bytes: u64::read(row, "size_bytes")?,
            stamp: proof::stamp(row)?,
            verified_at: Timestamp::read(row, "verified_at")?,
        })
    }
}

/// A file as the server that serves it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its location.
    pub location_id: LocationId,
    /// That location's folder; the file is `<path>/<package>/<version>/<name>`.
    pub location_path: Utf8PathBuf,
    /// Its update.
    pub update_id: UpdateId,
    /// Length.
    pub size_bytes: u64,
    /// Identity of its content; none: never downloaded.
    pub sha256: Option<Sha256>,
    /// The file's state.
    pub state: VersionState,
    /// Why it is bad.
    pub reason: String,
    /// The version's state.
    pub version_state: VersionState,
    /// Whether nobody vouches for the version's digests yet.
    pub unproved: bool,
    /// The package's fencing token now (to report damage with).
    pub token: i64,
    /// The version that is current.
    pub current_version: Option<u64>,
    /// Whether the package is its update's package.
    pub active: bool,
    /// The proof, if its inode has one.
    pub proof: Option<(ProofStamp, Timestamp)>,
}

record!(
    /// The version that took another's place.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Successor {
        /// The update's active package.
        pub package_id: PackageId,
        /// Its current version.
        pub version: u64,
        /// The file of the same name there, if it has one.
        pub sha256: Option<Sha256>,
    }
);

/// A file on disk with the bytes that somebody needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkCandidate {
    /// Identity of its content.
    pub sha256: Sha256,
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// The file.
    pub name: String,
    /// Length.
    pub size_bytes: u64,
    /// Its proof.
    pub stamp: ProofStamp,
    /// When it was proved.
    pub verified_at: Timestamp,
}

/// A file by its URL, in one query. None: there is no such file now (see [`successor`]).
///
/// # Errors
/// When the database fails.
pub async fn content(db: &Db, package: PackageId, version: u64, name: &str) -> Result<Option<Content>> {
    const CONTENT: &str = "SELECT v.location_id, l.path AS location_path, p.update_id, f.size_bytes AS length, f.sha256, \
         f.state, f.reason, v.state AS version_state, v.unproved, p.token, p.current_version, p.active, r.verified_at, r.dev, \
         r.inode, r.size_bytes, r.mtime_ns, r.ctime_ns FROM package_file AS f \
         JOIN package_version AS v ON v.package_id = f.package_id AND v.version = f.version \
         JOIN package AS p ON p.package_id = f.package_id JOIN location AS l ON l.location_id = v.location_id \
         LEFT JOIN proof AS r ON r.location_id = v.location_id AND r.dev = f.dev AND r.inode = f.inode \
         WHERE f.package_id = $1 AND f.version = $2 AND f.name = $3";
    db.first("find a file to serve", CONTENT, args![package, version, name]).await
}

/// Where the content of a package is had now: its update's active package. None: nowhere.
///
/// # Errors
/// When the database fails.
pub async fn successor(db: &Db, package: PackageId, name: &str) -> Result<Option<Successor>> {
    const SUCCESSOR: &str = "SELECT n.package_id, n.current_version AS version, f.sha256 FROM package AS p \
         JOIN package AS n ON n.update_id = p.update_id AND n.active = 1 AND n.current_version IS NOT NULL \
         LEFT JOIN package_file AS f ON f.package_id = n.package_id AND f.version = n.current_version AND f.name = $2 \
         WHERE p.package_id = $1";
    db.first("find the successor of a package", SUCCESSOR, args![package, name]).await
}

/// Files at a location, staged and proved, with one of these contents: to link instead of downloading. At most one
/// for each digest.
///
/// # Errors
/// When the database fails.
pub async fn link_candidates(db: &Db, location: LocationId, digests: &[Sha256]) -> Result<Vec<LinkCandidate>> {
    const WHAT: &str = "find files to link";
    const FIND: &str = "SELECT f.sha256, f.package_id, f.version, f.name, r.verified_at, r.dev, r.inode, r.size_bytes, \
         r.mtime_ns, r.ctime_ns FROM json_each($2) AS j CROSS JOIN package_file AS f CROSS JOIN package_version AS v \
         CROSS JOIN proof AS r WHERE f.sha256 = CAST(j.value ->> 0 AS TEXT) \
         AND v.package_id = f.package_id AND v.version = f.version \
         AND r.location_id = v.location_id AND r.dev = f.dev AND r.inode = f.inode \
         AND v.location_id = $1 AND f.state = 'staged' AND v.state IN ('staged', 'corrupt', 'missing', 'retired') \
         AND r.sha256 = f.sha256";
    let batch = rows(WHAT, digests.iter().map(|digest| (digest,)))?;
    let mut best: BTreeMap<Sha256, LinkCandidate> = BTreeMap::new();
    let take = |row: LinkCandidate| match best.entry(row.sha256) {
        Entry::Occupied(mut held) if held.get().verified_at < row.verified_at => {
            held.insert(row);
        }
        Entry::Occupied(_) => {}
        Entry::Vacant(free) => {
            free.insert(row);
        }
    };
    db.each(WHAT, FIND, vec![location.into_value(), batch], take).await?;
    Ok(best.into_values().collect())
}
