//! What resuming and reconciling need: files still wanted, retries that are due, versions that a restored database lost.

mod adopt;

use jiff::Timestamp;
use patchwharf_model::{PackageId, UpdateId, package::VersionState, update::VendorDigest};

pub use adopt::{Adopted, Adoption, Served, adopt, served_of};

use crate::{
    Db, Result, Write,
    sql::{args, record, rows},
};

record!(
    struct Wanted {
        vendor_digest: VendorDigest,
    }
);

record!(
    /// A version that is to be tried again.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Retry {
        /// Its update.
        pub update_id: UpdateId,
        /// Whether it is current, and damaged; else it was never whole.
        pub is_current: bool,
    }
);

/// Why a file of an unfinished version is not there.
#[derive(Clone, Debug)]
pub struct FileLack {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// The file.
    pub name: String,
    /// `Wanted`, `Unreachable`, `VendorChanged`.
    pub state: VersionState,
    /// Why, and what to do.
    pub reason: String,
}

/// Says of files of unfinished versions why they are not there. Files of other versions are not touched.
///
/// # Errors
/// When the database fails.
pub async fn put_lacks(w: &mut Write<'_>, lacks: &[FileLack]) -> Result<()> {
    const WHAT: &str = "write why files are not there";
    const PUT: &str = "UPDATE package_file SET state = j.new_state, reason = j.why \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS number, \
         CAST(value ->> 2 AS TEXT) AS called, CAST(value ->> 3 AS TEXT) AS new_state, CAST(value ->> 4 AS TEXT) AS why \
         FROM json_each($1)) AS j WHERE package_file.package_id = j.id AND package_file.version = j.number \
         AND package_file.name = j.called AND EXISTS (SELECT 1 FROM package_version AS v WHERE v.package_id = j.id \
         AND v.version = j.number AND v.state IN ('wanted', 'staging', 'unreachable', 'vendor-changed'))";
    let lines = lacks.iter().map(|l| (l.package_id, l.version, &l.name, l.state.as_str(), &l.reason));
    w.run(WHAT, PUT, vec![rows(WHAT, lines)?]).await?;
    Ok(())
}

/// The contents that unfinished versions wait for: their files on the way are kept.
///
/// # Errors
/// When the database fails.
pub async fn wanted_contents(db: &Db) -> Result<Vec<VendorDigest>> {
    const WANTED: &str = "SELECT DISTINCT f.vendor_digest FROM package_version AS v JOIN package_file AS f \
         ON f.package_id = v.package_id AND f.version = v.version \
         WHERE v.state IN ('wanted', 'staging', 'unreachable', 'vendor-changed')";
    let wanted: Vec<Wanted> = db.all("find the files that versions wait for", WANTED, args![]).await?;
    Ok(wanted.into_iter().map(|row| row.vendor_digest).collect())
}

/// Versions whose time to be tried again has come, and that no job works on.
///
/// # Errors
/// When the database fails.
pub async fn due_for_retry(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<Retry>> {
    const DUE: &str = "SELECT p.update_id, MAX(CASE WHEN p.current_version = v.version THEN 1 ELSE 0 END) AS is_current \
         FROM package_version AS v JOIN package AS p ON p.package_id = v.package_id AND p.active = 1 \
         WHERE v.state IN ('unreachable', 'corrupt', 'missing') AND v.next_try_at <= $1 \
         AND (p.lock_job IS NULL OR p.lock_until < $1) GROUP BY p.update_id ORDER BY p.update_id LIMIT $2";
    db.all("find what is to be tried again", DUE, args![now, limit]).await
}
