//! Rows as the judge reads them. Numbers that no rule looks at stay in the database.

use std::collections::BTreeMap;

use sqlx::FromRow;

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident from $table:literal { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, FromRow)]
        pub(crate) struct $name { $(pub(crate) $field: $type),+ }

        impl $name {
            pub(crate) const SQL: &'static str = concat!("SELECT ", rows!(@list $($field),+), " FROM ", $table);
        }
    )+};
    (@list $first:ident $(, $rest:ident)*) => { concat!(stringify!($first) $(, ", ", stringify!($rest))*) };
}

rows! {
    /// A root folder.
    Location from "location" { location_id: String, path: String, is_default: i64 }
    /// A feed.
    Feed from "feed" { feed_id: String, name: String, current_generation: i64, next_generation: i64 }
    /// A bulletin.
    Bulletin from "bulletin" { bulletin_id: String, name: String, enabled: i64 }
    /// What lists show of a bulletin, counted at a generation.
    BulletinCount from "bulletin_count" {
        bulletin_id: String, feed_id: String, from_gen: i64, to_gen: Option<i64>, updates: i64, packages: i64,
        bad_packages: i64, policies: i64, oldest_proof_at: i64, severity: i64, released_at: i64, revised_at: i64,
        withdrawn: i64, listed: i64, superseded: i64, enabled: i64,
    }
    /// What a catalogue says of a bulletin.
    BulletinRevision from "bulletin_revision" {
        bulletin_id: String, feed_id: String, from_gen: i64, to_gen: Option<i64>, severity: i64, released_at: i64,
        revised_at: i64, withdrawn: i64, listed: i64, superseded_by: Option<String>,
    }
    /// What a catalogue says of an update.
    UpdateRevision from "update_revision" {
        update_id: String, feed_id: String, from_gen: i64, to_gen: Option<i64>, bulletin_id: String, withdrawn: i64,
        superseded_by: Option<String>, files: String, files_digest: String,
    }
    /// A package.
    Package from "package" {
        package_id: String, update_id: String, active: i64, current_version: Option<i64>, next_version: i64,
        lock_job: Option<String>, lock_until: Option<i64>, shown_version: Option<i64>, state: Option<String>,
        size_bytes: i64, location_id: Option<String>, weak: i64, unproved: i64, proved_at: i64, verified_at: i64,
    }
    /// A change.
    Audit from "audit" {
        audit_id: i64, at: i64, actor: String, source: String, action: String, object: String, before: Option<String>,
        after: Option<String>, digest: Option<String>,
    }
    /// Where the chain of changes begins and ends.
    AuditHead from "audit_head" { audit_id: i64, digest: String, cut_id: i64, cut_digest: String }
    /// A head that a server has signed.
    AuditSeal from "audit_seal" { audit_id: i64, digest: String, at: i64, key: String, signature: String }
    /// A version.
    Version from "package_version" {
        package_id: String, version: i64, location_id: String, state: String, reason: String, weak: i64,
        unproved: i64, size_bytes: i64, files_digest: String, retire_after: Option<i64>,
    }
    /// A file.
    File from "package_file" {
        package_id: String, version: i64, name: String, size_bytes: i64, sha256: Option<String>, vendor_digest: String,
        inode: Option<i64>, dev: Option<i64>, state: String, reason: String, looked_at: Option<i64>,
    }
    /// A proof stamp.
    Proof from "proof" {
        location_id: String, dev: i64, inode: i64, size_bytes: i64, mtime_ns: i64, ctime_ns: i64, sha256: String,
        verified_at: i64,
    }
    /// A copy that a relocation has left behind.
    Original from "original" { package_id: String, version: i64, location_id: String, same_data: i64 }
    /// A policy.
    Policy from "policy" { policy_id: String, name: String, on_revision: String }
    /// A switch of a policy.
    PolicyUpdate from "policy_update" {
        policy_id: String, update_id: String, package_id: Option<String>, version: Option<i64>,
        pending_package: Option<String>, pending_version: Option<i64>,
    }
    /// A job.
    Job from "job" {
        job_id: String, kind: String, payload: String, state: String, lease_owner: Option<String>, lease_until: Option<i64>,
        report: Option<String>, ended_at: Option<i64>,
    }
    /// What an integrity check found.
    Finding from "finding" {
        job_id: String, finding_key: String, kind: String, gravity: String, outcome: String, became: String,
    }
    /// How one thing of a job ended.
    JobItem from "job_item" { job_id: String, item: String, failed: i64, reason: String }
}

/// Everything read in one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) audit: Vec<Audit>,
    pub(crate) audit_head: Vec<AuditHead>,
    pub(crate) audit_seals: Vec<AuditSeal>,
    pub(crate) locations: Vec<Location>,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) bulletins: Vec<Bulletin>,
    pub(crate) bulletin_counts: Vec<BulletinCount>,
    pub(crate) bulletin_revisions: Vec<BulletinRevision>,
    pub(crate) update_revisions: Vec<UpdateRevision>,
    pub(crate) packages: Vec<Package>,
    pub(crate) versions: Vec<Version>,
    pub(crate) files: Vec<File>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) originals: Vec<Original>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) policy_updates: Vec<PolicyUpdate>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) job_items: Vec<JobItem>,
    pub(crate) findings: Vec<Finding>,
    /// Public keys of the servers that share the database.
    pub(crate) server_keys: Vec<String>,
    /// What the database's own check says of its pages; empty when all is well.
    pub(crate) damage: Vec<String>,
    /// Revisions that only a text index or only its table has.
    pub(crate) search: Vec<String>,
}

impl Job {
    /// Whether it only looked, and was to say what would be done.
    pub(crate) fn is_dry_run(&self) -> bool {
        serde_json::from_str::<serde_json::Value>(&self.payload).is_ok_and(|asked| asked["dry_run"] == true)
    }
}

impl Facts {
    /// Whether a row of a feed's catalogue is what readers see.
    pub(crate) fn is_visible(&self, feed_id: &str, from_gen: i64, to_gen: Option<i64>) -> bool {
        self.feeds.iter().find(|feed| feed.feed_id == feed_id).is_some_and(|feed| {
            from_gen <= feed.current_generation && to_gen.is_none_or(|end| end > feed.current_generation)
        })
    }

    /// Files by version.
    pub(crate) fn files_by_version(&self) -> BTreeMap<(&str, i64), Vec<&File>> {
        let mut map: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for file in &self.files {
            map.entry((file.package_id.as_str(), file.version)).or_default().push(file);
        }
        map
    }

    /// The highest version number of a package.
    pub(crate) fn newest<'a>(versions: &BTreeMap<(&'a str, i64), &'a Version>, package: &'a str) -> Option<i64> {
        versions.range((package, i64::MIN)..=(package, i64::MAX)).next_back().map(|((_, number), _)| *number)
    }

    /// Versions by package and number.
    pub(crate) fn versions_by_key(&self) -> BTreeMap<(&str, i64), &Version> {
        self.versions.iter().map(|version| ((version.package_id.as_str(), version.version), version)).collect()
    }
}
