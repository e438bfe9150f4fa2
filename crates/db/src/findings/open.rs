//! What was wrong when it was last looked at.

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, finding::FindingKind, package::ProofStamp};

use super::NewFinding;
use crate::{
    Db, Result, Write,
    sql::{Cells, Column, IntoValue, Record, args, json, rows},
};

/// Something that was wrong when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFinding {
    /// Kind and place.
    pub key: String,
    /// What it is.
    pub kind: FindingKind,
    /// The package location.
    pub location: Option<LocationId>,
    /// The package.
    pub package: Option<PackageId>,
    /// Its version.
    pub version: Option<u64>,
    /// Since when.
    pub since: Timestamp,
    /// The check that saw it last.
    pub job: JobId,
    /// The bad file's stamp.
    pub stamp: Option<ProofStamp>,
    /// What must be there.
    pub expected: String,
    /// What was.
    pub found: String,
}

impl Record for OpenFinding {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self {
            key: String::read(row, "finding_key")?,
            kind: FindingKind::read(row, "kind")?,
            location: Option::<LocationId>::read(row, "location_id")?,
            package: Option::<PackageId>::read(row, "package_id")?,
            version: Option::read(row, "version")?,
            since: Timestamp::read(row, "since")?,
            job: JobId::read(row, "job_id")?,
            stamp: serde_json::from_str(&String::read(row, "stamp")?).ok(),
            expected: String::read(row, "expected")?,
            found: String::read(row, "found")?,
        })
    }
}

/// Everything that was wrong when it was last looked at, in no order.
///
/// # Errors
/// When the database fails.
pub async fn open(db: &Db) -> Result<Vec<OpenFinding>> {
    db.all("read what was wrong before", "SELECT * FROM open_finding", args![]).await
}

/// Those that a job saw last.
///
/// # Errors
/// When the database fails.
pub async fn seen_last_by(db: &Db, job: JobId) -> Result<Vec<OpenFinding>> {
    const OF: &str = "SELECT * FROM open_finding WHERE job_id = $1";
    db.all("read what a check has found", OF, args![job]).await
}

/// Notes what is wrong; since when is kept of what was wrong before.
pub(super) async fn note<'a>(
    w: &mut Write<'_>,
    job: JobId,
    findings: impl Iterator<Item = &'a NewFinding>,
) -> Result<()> {
    const WHAT: &str = "note what is wrong";
    const NOTE: &str = "INSERT INTO open_finding (job_id, since, seen_at, finding_key, kind, location_id, package_id, \
         version, stamp, expected, found) SELECT $1, $2, $2, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS TEXT), \
         CAST(value ->> 2 AS TEXT), CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS BIGINT), \
         CAST(value ->> 5 AS TEXT), CAST(value ->> 6 AS TEXT), CAST(value ->> 7 AS TEXT) FROM json_each($3) WHERE true \
         ON CONFLICT (finding_key) DO UPDATE SET job_id = excluded.job_id, seen_at = excluded.seen_at, \
         stamp = excluded.stamp, expected = excluded.expected, found = excluded.found";
    let lines: Vec<_> = findings
        .map(|new| {
            let f = &new.finding;
            let stamp = new.stamp.as_ref().map(json).unwrap_or_default();
            (&new.key, f.kind.as_str(), f.location, f.package, f.version, stamp, &f.expected, &f.found)
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let now = w.now();
    w.run(WHAT, NOTE, vec![job.into_value(), now.into_value(), rows(WHAT, lines)?]).await?;
    Ok(())
}

/// Forgets what is right again.
///
/// # Errors
/// When the database fails.
pub async fn close(w: &mut Write<'_>, keys: &[&str]) -> Result<()> {
    const WHAT: &str = "forget what is right again";
    const CLOSE: &str =
        "DELETE FROM open_finding WHERE finding_key IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    if keys.is_empty() {
        return Ok(());
    }
    w.run(WHAT, CLOSE, vec![rows(WHAT, keys.iter().map(|key| (key,)))?]).await?;
    Ok(())
}
