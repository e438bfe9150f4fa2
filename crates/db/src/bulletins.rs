//! Software bulletins: list, show, enable, rate, and what refers to them.

use jiff::Timestamp;
use patchwharf_model::{BulletinId, FeedId, JobId, PackageId, PolicyId, Severity, UpdateId};

use crate::{Db, Page, Result, Write, sql::record};

record!(
    /// A bulletin as lists show it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Bulletin {
        /// Its id.
        pub bulletin_id: BulletinId,
        /// Its feed.
        pub feed_id: FeedId,
        /// The feed's name.
        pub feed: String,
        /// Key in the feed.
        pub name: String,
        /// Title.
        pub title: String,
        /// Description. Text, never markup.
        pub description: String,
        /// Vendor.
        pub vendor: String,
        /// Vendor severity.
        pub severity: Severity,
        /// The administrator's own severity.
        pub custom_severity: Option<String>,
        /// Whether it may be offered to computers.
        pub enabled: bool,
        /// First released.
        pub released_at: Option<Timestamp>,
        /// Last revised.
        pub revised_at: Timestamp,
        /// CVE names.
        pub cves: Vec<String>,
        /// Knowledge-base articles.
        pub kbs: Vec<String>,
        /// Name of the bulletin that takes its place.
        pub superseded_by: Option<String>,
        /// Withdrawn by the vendor.
        pub withdrawn: bool,
        /// False: absent from the current catalogue, kept.
        pub listed: bool,
        /// Updates in scope: current, listed or not, neither superseded nor withdrawn, with files.
        pub updates: u64,
        /// Of those, with a staged version. Equal to `updates` and not 0: downloaded.
        pub packages: u64,
        /// Of those, with a corrupt or missing current version.
        pub bad_packages: u64,
        /// Policies that hold one of its updates.
        pub policies: u64,
        /// Oldest verification among its staged files.
        pub oldest_proof_at: Option<Timestamp>,
    }
);

impl Bulletin {
    /// Whether every update in scope is on disk, whole.
    #[must_use]
    pub fn is_downloaded(&self) -> bool {
        self.updates > 0 && self.packages == self.updates
    }
}

/// Which bulletins. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct BulletinFilter {
    /// Words in name, title, vendor, CVEs, KBs or description, all of them, in any case.
    pub text: Option<String>,
    /// One of these vendor severities.
    pub severities: Vec<Severity>,
    /// The administrator's own severity.
    pub custom_severity: Option<String>,
    /// Vendor, whole name in any case.
    pub vendor: Option<String>,
    /// Feed.
    pub feed: Option<FeedId>,
    /// Enabled or disabled.
    pub enabled: Option<bool>,
    /// Everything in scope staged, or not.
    pub downloaded: Option<bool>,
    /// With a corrupt or missing package, or without.
    pub bad: Option<bool>,
    /// Superseded or not.
    pub superseded: Option<bool>,
    /// Withdrawn or not.
    pub withdrawn: Option<bool>,
    /// Listed in the current catalogue or not.
    pub listed: Option<bool>,
    /// Revised at or after.
    pub revised_from: Option<Timestamp>,
    /// Revised before.
    pub revised_before: Option<Timestamp>,
    /// Released at or after.
    pub released_from: Option<Timestamp>,
    /// Released before.
    pub released_before: Option<Timestamp>,
    /// A CVE name.
    pub cve: Option<String>,
    /// A knowledge-base article, with or without `KB`.
    pub kb: Option<String>,
}

/// Columns that bulletins can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BulletinSort {
    /// Last revised.
    #[default]
    Revised,
    /// First released.
    Released,
    /// Name.
    Name,
    /// Vendor severity.
    Severity,
    /// Count of updates.
    Updates,
    /// Count of staged packages.
    Packages,
    /// Count of bad packages.
    BadPackages,
    /// Count of policies.
    Policies,
    /// Oldest proof.
    OldestProof,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct BulletinQuery {
    /// Which.
    pub filter: BulletinFilter,
    /// By what.
    pub sort: BulletinSort,
    /// From the greatest down.
    pub descending: bool,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    pub limit: u32,
    /// Whether to count all matches, which costs a scan.
    pub with_total: bool,
}

/// What refers to a bulletin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refers {
    /// Policies that hold one of its updates, by name.
    pub policies: Vec<(PolicyId, String)>,
    /// Packages of its updates (also replaced ones).
    pub packages: Vec<PackageId>,
    /// Its updates.
    pub updates: Vec<UpdateId>,
    /// Names of bulletins of the feed that it supersedes.
    pub supersedes: Vec<String>,
    /// Jobs that have not ended and hold one of its packages.
    pub jobs: Vec<JobId>,
}

/// A page of bulletins.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, query: &BulletinQuery) -> Result<Page<Bulletin>> {
    let _ = (db, query);
    todo!()
}

/// The ids of all bulletins that a filter matches (to stage by filter), at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn ids(db: &Db, filter: &BulletinFilter, limit: u32) -> Result<Vec<BulletinId>> {
    let _ = (db, filter, limit);
    todo!()
}

/// Bulletins by id, in the order of their names. Unknown ids are left out.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(db: &Db, ids: &[BulletinId]) -> Result<Vec<Bulletin>> {
    let _ = (db, ids);
    todo!()
}

/// One bulletin.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: BulletinId) -> Result<Bulletin> {
    let _ = (db, id);
    todo!()
}

/// Ids for what people type: an id, a name in any case, or `FEED/NAME`. Same order as given.
///
/// # Errors
/// `NotFound` for the first that does not exist; `Ambiguous` names the feeds.
pub async fn resolve(db: &Db, names: &[String]) -> Result<Vec<BulletinId>> {
    let _ = (db, names);
    todo!()
}

/// Enables or disables bulletins; returns those that changed. Audited for each (`bulletin.enable`, `bulletin.disable`).
///
/// # Errors
/// When the database fails.
pub async fn set_enabled(w: &mut Write<'_>, ids: &[BulletinId], enabled: bool) -> Result<Vec<BulletinId>> {
    let _ = (w, ids, enabled);
    todo!()
}

/// Sets or clears the administrator's own severity; returns those that changed. Audited for each.
///
/// # Errors
/// When the database fails.
pub async fn set_custom_severity(
    w: &mut Write<'_>,
    ids: &[BulletinId],
    severity: Option<&str>,
) -> Result<Vec<BulletinId>> {
    let _ = (w, ids, severity);
    todo!()
}

/// What refers to a bulletin.
///
/// # Errors
/// `NotFound`.
pub async fn refers(db: &Db, id: BulletinId) -> Result<Refers> {
    let _ = (db, id);
    todo!()
}

/// Bulletins whose derived columns are to be brought up to date by hand (reconcile); the change functions do it
/// themselves.
///
/// # Errors
/// When the database fails.
pub async fn recount(w: &mut Write<'_>, ids: &[BulletinId]) -> Result<()> {
    let _ = (w, ids);
    todo!()
}
