//! What integrity checks find: a report for each job, and since when each thing has been wrong.
//!
//! A finding has a key, kind and place, that is the same in every check. `open_finding` holds what was wrong when it was
//! last looked at; it gives a finding its `since` and goes when a look finds the thing right.

mod list;
mod open;

use patchwharf_model::{
    BulletinId, JobId, LocationId, PackageId, UpdateId,
    finding::{DoneBy, Finding, FindingKind, Gravity, Outcome},
    package::ProofStamp,
};

pub use list::{FindingQuery, counts, list, remaining};
pub use open::{OpenFinding, close, open, seen_last_by};

use crate::{
    Result, Write,
    sql::{Cells, Column, IntoValue, Record, json, rows},
};

/// A finding as a check gives it. Its `since` is decided by what was open before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFinding {
    /// Kind and place.
    pub key: String,
    /// The finding.
    pub finding: Finding,
    /// The bad file's stamp: as long as it is the same, the file is the same bad one.
    pub stamp: Option<ProofStamp>,
}

/// What has become of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its key.
    pub key: String,
    /// What has become of it.
    pub outcome: Outcome,
    /// The same in words.
    pub became: String,
    /// Who does something about it now.
    pub by: DoneBy,
    /// What that will be.
    pub remedy: String,
    /// The command that does it.
    pub command: String,
}

pub(super) struct Row(pub(super) String, pub(super) Finding);

impl Record for Row {
    fn read(row: &dyn Cells) -> Result<Self> {
        let names = |column: &str| -> Result<Vec<String>> {
            Ok(serde_json::from_str(&String::read(row, column)?).unwrap_or_default())
        };
        let finding = Finding {
            kind: FindingKind::read(row, "kind")?,
            gravity: Gravity::read(row, "gravity")?,
            package: Option::<PackageId>::read(row, "package_id")?,
            version: Option::read(row, "version")?,
            update: Option::<UpdateId>::read(row, "update_id")?,
            update_key: String::read(row, "update_key")?,
            bulletin: Option::<BulletinId>::read(row, "bulletin_id")?,
            bulletin_name: String::read(row, "bulletin")?,
            location: Option::<LocationId>::read(row, "location_id")?,
            path: String::read(row, "path")?,
            expected: String::read(row, "expected")?,
            found: String::read(row, "found")?,
            since: jiff::Timestamp::read(row, "since")?,
            policies: names("policies")?,
            package_servers: names("package_servers")?,
            outcome: Outcome::read(row, "outcome")?,
            became: String::read(row, "became")?,
            by: DoneBy::read(row, "done_by")?,
            remedy: String::read(row, "remedy")?,
            command: String::read(row, "command")?,
        };
        Ok(Self(String::read(row, "finding_key")?, finding))
    }
}

/// Writes what a check has found, in bulk; a thing that it names again replaces its line. Since when each is wrong is
/// taken from the checks before.
///
/// # Errors
/// When the database fails.
pub async fn put(w: &mut Write<'_>, job: JobId, findings: &[NewFinding]) -> Result<()> {
    const WHAT: &str = "write what a check has found";
    const PUT: &str = "INSERT INTO finding (job_id, finding_key, rank, kind, gravity, package_id, version, update_id, \
         update_key, bulletin_id, bulletin, location_id, path, expected, found, since, policies, package_servers, \
         outcome, became, done_by, remedy, command) SELECT $1, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), \
         CAST(value ->> 2 AS TEXT), CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS TEXT), CAST(value ->> 5 AS BIGINT), \
         CAST(value ->> 6 AS TEXT), CAST(value ->> 7 AS TEXT), CAST(value ->> 8 AS TEXT), CAST(value ->> 9 AS TEXT), \
         CAST(value ->> 10 AS TEXT), CAST(value ->> 11 AS TEXT), CAST(value ->> 12 AS TEXT), \
         CAST(value ->> 13 AS TEXT), COALESCE(o.since, $2), CAST(value ->> 14 AS TEXT), CAST(value ->> 15 AS TEXT), \
         CAST(value ->> 16 AS TEXT), CAST(value ->> 17 AS TEXT), CAST(value ->> 18 AS TEXT), \
         CAST(value ->> 19 AS TEXT), CAST(value ->> 20 AS TEXT) FROM json_each($3) AS j \
         LEFT JOIN open_finding AS o ON o.finding_key = CAST(j.value ->> 0 AS TEXT) WHERE true \
         ON CONFLICT (job_id, finding_key) DO UPDATE SET expected = excluded.expected, found = excluded.found, \
         version = excluded.version, policies = excluded.policies, outcome = excluded.outcome, \
         became = excluded.became, done_by = excluded.done_by, remedy = excluded.remedy, command = excluded.command";
    if findings.is_empty() {
        return Ok(());
    }
    let now = w.now();
    // One statement cannot change a row twice on PostgreSQL: the last line of a thing wins.
    let last: std::collections::BTreeMap<&str, &NewFinding> = findings.iter().map(|f| (f.key.as_str(), f)).collect();
    open::note(w, job, last.values().copied().filter(|new| new.finding.outcome.remains())).await?;
    let lines: Vec<serde_json::Value> = last.values().map(|new| line(new)).collect();
    w.run(WHAT, PUT, vec![job.into_value(), now.into_value(), rows(WHAT, lines)?]).await?;
    Ok(())
}

/// The columns in the order in which [`put`] reads them.
fn line(new: &NewFinding) -> serde_json::Value {
    let f = &new.finding;
    serde_json::json!([
        new.key,
        f.kind.rank(),
        f.kind.as_str(),
        f.gravity.as_str(),
        f.package,
        f.version,
        f.update,
        f.update_key,
        f.bulletin,
        f.bulletin_name,
        f.location,
        f.path,
        f.expected,
        f.found,
        json(&f.policies),
        json(&f.package_servers),
        f.outcome.as_str(),
        f.became,
        f.by.as_str(),
        f.remedy,
        f.command,
    ])
}

/// Says what has become of findings of a job. Those that are no longer there are no longer open.
///
/// # Errors
/// When the database fails.
pub async fn settle(w: &mut Write<'_>, job: JobId, settled: &[Settled]) -> Result<()> {
    const WHAT: &str = "write what has become of findings";
    // The job in each row: as a constant, SQLite begins with all findings of the job and walks the rows for each.
    const SETTLE: &str = "UPDATE finding SET outcome = j.outcome, became = j.became, done_by = j.done_by, \
         remedy = j.remedy, command = j.command FROM (SELECT CAST(value ->> 0 AS TEXT) AS job_id, \
         CAST(value ->> 1 AS TEXT) AS finding_key, CAST(value ->> 2 AS TEXT) AS outcome, \
         CAST(value ->> 3 AS TEXT) AS became, CAST(value ->> 4 AS TEXT) AS done_by, \
         CAST(value ->> 5 AS TEXT) AS remedy, CAST(value ->> 6 AS TEXT) AS command FROM json_each($1)) AS j \
         WHERE finding.job_id = j.job_id AND finding.finding_key = j.finding_key";
    if settled.is_empty() {
        return Ok(());
    }
    let last: std::collections::BTreeMap<&str, &Settled> = settled.iter().map(|s| (s.key.as_str(), s)).collect();
    let lines =
        last.values().map(|s| (job, &s.key, s.outcome.as_str(), &s.became, s.by.as_str(), &s.remedy, &s.command));
    w.run(WHAT, SETTLE, vec![rows(WHAT, lines)?]).await?;
    let gone: Vec<&str> = last.values().filter(|s| !s.outcome.remains()).map(|s| s.key.as_str()).collect();
    close(w, &gone).await
}
