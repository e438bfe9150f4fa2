//! What is known of the use of packages: who refers to them, and since when their updates are what they are.

use jiff::Timestamp;
use patchwharf_model::{BulletinId, JobId, LocationId, PackageId, package::VersionState};

use crate::{
    Db, Result, Write,
    sql::{args, record, rows},
};

record!(
    /// A package that is served, and who uses it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Usage {
        /// The package.
        pub package_id: PackageId,
        /// The version that is served.
        pub version: u64,
        /// Its location.
        pub location_id: LocationId,
        /// Its state.
        pub state: VersionState,
        /// Since when it is in that state.
        pub since: Timestamp,
        /// Bytes of its files, and of copies of them that relocations have left behind.
        pub size_bytes: u64,
        /// The vendor's key of its update.
        pub update_key: String,
        /// The bulletin that the catalogue lists the update in.
        pub bulletin_id: Option<BulletinId>,
        /// Its name; empty: none.
        pub bulletin: String,
        /// Since when the bulletin is disabled; none: it is not.
        pub disabled_since: Option<Timestamp>,
        /// Key of an update that supersedes this one, as the catalogue has it now.
        pub superseded_by: Option<String>,
        /// Since when an update that is not withdrawn supersedes this one: the first time at which both was known here
        /// and was said by the vendor. None: no such update is known.
        pub superseded_since: Option<Timestamp>,
        /// Policies that have a switch for the update, on or off.
        pub policies: u64,
        /// Of those, the ones that are turned on.
        pub enabled_policies: u64,
        /// Whether no address is known for one of its files: it was supplied by hand and cannot be fetched again.
        pub by_hand: bool,
        /// Whether nobody vouches for its digests yet.
        pub unproved: bool,
        /// Whether another version of it is being made.
        pub unfinished: bool,
        /// The job that holds it, whether its time is over or not.
        pub lock_job: Option<JobId>,
        /// Until when.
        pub lock_until: Option<Timestamp>,
    }
);

// When an update came to be superseded is not kept: its revision says by whom, and generations have no times. What is
// known of each update that supersedes it is when this server first saw it, and when the vendor last changed it, which is
// not before it began to list what it supersedes; the later of the two is a time at which it certainly did, and an error is
// on the side of keeping. Of several superseding updates the first counts: a vendor whose monthly update supersedes all
// earlier ones would otherwise make each of them young again every month. One that is itself superseded by this one is in
// a circle, which counts for nothing.
//
// A bulletin is disabled since its last change on the audit trail. Where retention has cut that, it was before the oldest
// change that is left.
macro_rules! usage {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT p.package_id, v.version, v.location_id, v.state, v.since, v.unproved, v.size_bytes + COALESCE((SELECT ",
            "CAST(SUM(w.size_bytes) AS BIGINT) FROM original AS o JOIN package_version AS w ON w.package_id = o.package_id ",
            "AND w.version = o.version WHERE o.package_id = p.package_id AND o.same_data = 0), 0) AS size_bytes, ",
            "i.update_key, r.bulletin_id, COALESCE(b.name, '') AS bulletin, ",
            "CASE WHEN b.enabled = 0 THEN COALESCE((SELECT a.at FROM audit AS a WHERE a.object = 'bulletin ' || b.bulletin_id ",
            "AND a.action || '' = 'bulletin.disable' ORDER BY a.audit_id DESC LIMIT 1), ",
            "(SELECT a.at FROM audit AS a ORDER BY a.audit_id LIMIT 1)) END AS disabled_since, r.superseded_by, ",
            "CASE WHEN r.superseded_by IS NOT NULL THEN (SELECT MIN(CASE WHEN n.created_at > c.revised_at THEN n.created_at ",
            "ELSE c.revised_at END) FROM (SELECT e.update_id, e.digest FROM supersedence AS e WHERE e.feed_id = i.feed_id ",
            "AND e.superseded_key = i.update_key UNION ALL SELECT k.update_id, NULL AS digest FROM software_update AS k ",
            "WHERE k.feed_id = i.feed_id AND k.update_key = r.superseded_by) AS s ",
            "JOIN software_update AS n ON n.update_id = s.update_id JOIN update_revision AS c ON c.update_id = n.update_id ",
            "AND c.from_gen <= f.current_generation AND (c.to_gen IS NULL OR c.to_gen > f.current_generation) ",
            "WHERE c.withdrawn = 0 AND (s.digest IS NULL OR s.digest = c.digest) AND NOT EXISTS (SELECT 1 ",
            "FROM supersedence AS back WHERE back.update_id = p.update_id AND back.digest = r.digest ",
            "AND back.superseded_key = n.update_key)) END AS superseded_since, ",
            "(SELECT COUNT(*) FROM policy_update AS s WHERE s.update_id = p.update_id) AS policies, ",
            "(SELECT COUNT(*) FROM policy_update AS s JOIN policy AS q ON q.policy_id = s.policy_id ",
            "WHERE s.update_id = p.update_id AND q.enabled = 1) AS enabled_policies, ",
            "CASE WHEN EXISTS (SELECT 1 FROM package_file AS g WHERE g.package_id = v.package_id ",
            "AND g.version = v.version AND g.url IS NULL) THEN 1 ELSE 0 END AS by_hand, ",
            "CASE WHEN EXISTS (SELECT 1 FROM package_version AS x WHERE x.package_id = p.package_id ",
            "AND x.state || '' IN ('wanted', 'staging')) THEN 1 ELSE 0 END AS unfinished, p.lock_job, p.lock_until FROM ",
            $from,
            " JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.current_version ",
            "JOIN software_update AS i ON i.update_id = p.update_id JOIN feed AS f ON f.feed_id = i.feed_id ",
            "LEFT JOIN update_revision AS r ON r.update_id = p.update_id AND r.from_gen <= f.current_generation ",
            "AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) ",
            "LEFT JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id WHERE p.active = 1 ",
            $rest,
        )
    };
}

/// Packages that are served, in id order, `limit` at a time, after the given one.
///
/// # Errors
/// When the database fails.
pub async fn usage(db: &Db, after: Option<PackageId>, limit: u32) -> Result<Vec<Usage>> {
    const ALL: &str = usage!("package AS p", "AND p.package_id > $1 ORDER BY p.package_id LIMIT $2");
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    db.all("read who uses packages", ALL, args![after, limit]).await
}

/// Those of these packages that are served, in id order, as a transaction sees them that is about to delete them.
///
/// # Errors
/// When the database fails.
pub async fn usage_of(w: &mut Write<'_>, packages: &[PackageId]) -> Result<Vec<Usage>> {
    const WHAT: &str = "read who uses packages once more";
    const OF: &str = usage!(
        "(SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS id FROM json_each($1)) AS j CROSS JOIN package AS p",
        "AND p.package_id = j.id ORDER BY p.package_id"
    );
    w.all(WHAT, OF, vec![rows(WHAT, packages.iter().map(|id| (id,)))?]).await
}
