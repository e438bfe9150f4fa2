//! Software bulletins: list, show, enable, rate, and what refers to them.

use jiff::Timestamp;
use patchwharf_model::{BulletinId, FeedId, JobId, PackageId, PolicyId, Severity, UpdateId};

use std::collections::HashMap;

use crate::{
    Db, DbError, Page, Result, Write, derived,
    page::Cursor,
    sql::{Builder, IntoValue, Number, args, like, record, rows},
};

const COUNT: &str = "SELECT COUNT(*) AS number";
const COLUMNS: &str = "SELECT i.bulletin_id, i.feed_id, f.name AS feed, i.name, r.title, r.description, r.vendor, \
     r.severity, i.custom_severity, i.enabled, NULLIF(r.released_at, 0) AS released_at, r.revised_at, r.cves, r.kbs, \
     r.superseded_by, r.withdrawn, r.listed, i.updates, i.packages, i.bad_packages, i.policies, \
     NULLIF(i.oldest_proof_at, 0) AS oldest_proof_at";
/// `CROSS JOIN` is an ordinary join that SQLite does not reorder: the table whose index gives the order comes first.
const FROM: &str = " FROM bulletin_revision AS r CROSS JOIN bulletin AS i CROSS JOIN feed AS f \
     WHERE i.bulletin_id = r.bulletin_id AND f.feed_id = r.feed_id \
     AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)";
const FROM_IDENTITY: &str = " FROM bulletin AS i CROSS JOIN feed AS f CROSS JOIN bulletin_revision AS r \
     WHERE r.bulletin_id = i.bulletin_id AND f.feed_id = i.feed_id \
     AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)";

record!(
    struct Id {
        text: BulletinId,
    }
);
record!(
    struct Found {
        asked: String,
        bulletin_id: BulletinId,
        feed: String,
    }
);
record!(
    struct Rated {
        bulletin_id: BulletinId,
        custom_severity: Option<String>,
    }
);
record!(
    struct Referring {
        kind: String,
        id: JobId,
        name: String,
    }
);

macro_rules! sorted {
    ($($sort:ident: $column:literal, $id:literal);+ $(;)?) => {
        impl BulletinSort {
            fn order(self, descending: bool) -> &'static str {
                match (self, descending) { $(
                    (Self::$sort, false) => concat!(" ORDER BY ", $column, ", ", $id),
                    (Self::$sort, true) => concat!(" ORDER BY ", $column, " DESC, ", $id, " DESC"),
                )+ }
            }

            /// The condition "after the cursor", around its two parameters.
            fn after(self, descending: bool) -> (&'static str, &'static str) {
                match (self, descending) { $(
                    (Self::$sort, false) => (concat!(" AND (", $column, ", ", $id, ") > ("), ", "),
                    (Self::$sort, true) => (concat!(" AND (", $column, ", ", $id, ") < ("), ", "),
                )+ }
            }
        }
    };
}

sorted!(
    Revised: "r.revised_at", "r.bulletin_id"; Released: "r.released_at", "r.bulletin_id";
    Severity: "r.severity", "r.bulletin_id"; Name: "i.name", "i.bulletin_id"; Updates: "i.updates", "i.bulletin_id";
    Packages: "i.packages", "i.bulletin_id"; BadPackages: "i.bad_packages", "i.bulletin_id";
    Policies: "i.policies", "i.bulletin_id"; OldestProof: "i.oldest_proof_at", "i.bulletin_id";
);

impl BulletinSort {
    fn is_of_revision(self) -> bool {
        matches!(self, Self::Revised | Self::Released | Self::Severity)
    }

    fn key(self, row: &Bulletin) -> String {
        let micros = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_microsecond).to_string();
        match self {
            Self::Revised => micros(Some(row.revised_at)),
            Self::Released => micros(row.released_at),
            Self::Name => row.name.clone(),
            Self::Severity => (row.severity as i64).to_string(),
            Self::Updates => row.updates.to_string(),
            Self::Packages => row.packages.to_string(),
            Self::BadPackages => row.bad_packages.to_string(),
            Self::Policies => row.policies.to_string(),
            Self::OldestProof => micros(row.oldest_proof_at),
        }
    }
}

/// The table to begin with: few bulletins match what their identity has an index for; else the one that gives the order.
fn from(query: &BulletinQuery) -> &'static str {
    let f = &query.filter;
    let few = f.cve.is_some() || f.kb.is_some() || f.downloaded == Some(true) || f.bad == Some(true);
    if query.sort.is_of_revision() && !few { FROM } else { FROM_IDENTITY }
}

fn narrow(sql: &mut Builder, filter: &BulletinFilter) {
    for word in filter.text.iter().flat_map(|text| text.split_whitespace()).take(16) {
        sql.push(" AND r.search LIKE ", like(word)).text(" ESCAPE '!'");
    }
    if !filter.severities.is_empty() {
        sql.text(" AND r.severity IN (-1");
        for severity in &filter.severities {
            sql.push(", ", *severity);
        }
        sql.text(")");
    }
    if let Some(custom) = &filter.custom_severity {
        sql.push(" AND i.custom_severity = ", custom);
    }
    if let Some(vendor) = &filter.vendor {
        sql.push(" AND LOWER(r.vendor) = ", vendor.to_lowercase());
    }
    if let Some(feed) = filter.feed {
        sql.push(" AND r.feed_id = ", feed);
    }
    if let Some(enabled) = filter.enabled {
        sql.push(" AND i.enabled = ", enabled);
    }
    if let Some(withdrawn) = filter.withdrawn {
        sql.push(" AND r.withdrawn = ", withdrawn);
    }
    if let Some(listed) = filter.listed {
        sql.push(" AND r.listed = ", listed);
    }
    let either = |yes: bool, one, other| if yes { one } else { other };
    if let Some(yes) = filter.downloaded {
        sql.text(either(
            yes,
            " AND i.packages > 0 AND i.packages = i.updates",
            " AND (i.updates = 0 OR i.packages < i.updates)",
        ));
    }
    if let Some(yes) = filter.bad {
        sql.text(either(yes, " AND i.bad_packages > 0", " AND i.bad_packages = 0"));
    }
    if let Some(yes) = filter.superseded {
        sql.text(either(yes, " AND r.superseded_by IS NOT NULL", " AND r.superseded_by IS NULL"));
    }
    if let Some(from) = filter.revised_from {
        sql.push(" AND r.revised_at >= ", from);
    }
    if let Some(before) = filter.revised_before {
        sql.push(" AND r.revised_at < ", before);
    }
    if let Some(from) = filter.released_from {
        sql.push(" AND r.released_at > 0 AND r.released_at >= ", from);
    }
    if let Some(before) = filter.released_before {
        sql.push(" AND r.released_at > 0 AND r.released_at < ", before);
    }
    if let Some(cve) = &filter.cve {
        let cve = cve.trim().to_uppercase();
        sql.push(" AND i.bulletin_id IN (SELECT bulletin_id FROM bulletin_reference WHERE reference = ", cve.as_str());
        sql.push(") AND ' ' || r.cves || ' ' LIKE ", words_with(&cve)).text(" ESCAPE '!'");
    }
    if let Some(kb) = &filter.kb {
        let kb = kb.trim().to_uppercase();
        let number = kb.strip_prefix("KB").unwrap_or(&kb);
        let long = format!("KB{number}");
        sql.push(" AND i.bulletin_id IN (SELECT bulletin_id FROM bulletin_reference WHERE reference IN (", number);
        sql.push(", ", long.as_str()).push(")) AND (' ' || r.kbs || ' ' LIKE ", words_with(number)).text(" ESCAPE '!'");
        sql.push(" OR ' ' || r.kbs || ' ' LIKE ", words_with(&long)).text(" ESCAPE '!')");
    }
}

/// A pattern for one word in a space-separated list with a space at both ends.
fn words_with(word: &str) -> String {
    let mut pattern = String::from("% ");
    for c in word.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern + " %"
}

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
    const WHAT: &str = "list bulletins";
    let limit = query.limit.clamp(1, 1000);
    let total = if query.with_total {
        let mut sql = Builder::new(COUNT);
        sql.text(from(query));
        narrow(&mut sql, &query.filter);
        let (sql, args) = sql.build();
        db.first::<Number>(WHAT, sql, args).await?.map(|n| u64::try_from(n.number).unwrap_or_default())
    } else {
        None
    };
    let mut sql = Builder::new(COLUMNS);
    sql.text(from(query));
    narrow(&mut sql, &query.filter);
    if let Some(text) = &query.cursor {
        let cursor = Cursor::decode(text)?;
        let key = match query.sort {
            BulletinSort::Name => cursor.key.clone().into_value(),
            _ => cursor.number()?.into_value(),
        };
        let (after, then) = query.sort.after(query.descending);
        sql.push_value(after, key).push(then, cursor.id).text(")");
    }
    sql.text(query.sort.order(query.descending)).push(" LIMIT ", limit + 1);
    let (sql, args) = sql.build();
    let rows = db.all(WHAT, sql, args).await?;
    Ok(Page::cut(rows, limit, total, |row: &Bulletin| Cursor {
        key: query.sort.key(row),
        id: row.bulletin_id.to_string(),
    }))
}

/// The ids of all bulletins that a filter matches (to stage by filter), at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn ids(db: &Db, filter: &BulletinFilter, limit: u32) -> Result<Vec<BulletinId>> {
    let mut sql = Builder::new("SELECT i.bulletin_id AS text");
    sql.text(FROM);
    narrow(&mut sql, filter);
    sql.text(" ORDER BY i.name, i.bulletin_id").push(" LIMIT ", limit);
    let (sql, args) = sql.build();
    let rows = db.all::<Id>("find bulletins", sql, args).await?;
    Ok(rows.into_iter().map(|row| row.text).collect())
}

/// Bulletins by id, in the order of their names. Unknown ids are left out.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(db: &Db, ids: &[BulletinId]) -> Result<Vec<Bulletin>> {
    const WHAT: &str = "read bulletins";
    let mut sql = Builder::new(COLUMNS);
    sql.text(FROM_IDENTITY);
    sql.push_value(
        " AND i.bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each(",
        rows(WHAT, ids.iter().map(|id| (id,)))?,
    );
    sql.text(")) ORDER BY i.name, i.bulletin_id");
    let (sql, args) = sql.build();
    db.all(WHAT, sql, args).await
}

/// One bulletin.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: BulletinId) -> Result<Bulletin> {
    by_ids(db, &[id]).await?.pop().ok_or_else(|| DbError::not_found("bulletin", id))
}

/// Ids for what people type: an id, a name in any case, or `FEED/NAME`. Same order as given.
///
/// # Errors
/// `NotFound` for the first that does not exist; `Ambiguous` names the feeds.
pub async fn resolve(db: &Db, names: &[String]) -> Result<Vec<BulletinId>> {
    const WHAT: &str = "find bulletins by name";
    const FIND: &str = "SELECT CAST(j.value ->> 0 AS TEXT) AS asked, i.bulletin_id, f.name AS feed \
         FROM json_each($1) AS j JOIN bulletin AS i ON i.bulletin_id = CAST(j.value ->> 1 AS TEXT) \
         JOIN feed AS f ON f.feed_id = i.feed_id \
         UNION SELECT CAST(j.value ->> 0 AS TEXT), i.bulletin_id, f.name FROM json_each($1) AS j \
         JOIN bulletin AS i ON i.folded = CAST(j.value ->> 1 AS TEXT) JOIN feed AS f ON f.feed_id = i.feed_id \
         UNION SELECT CAST(j.value ->> 0 AS TEXT), i.bulletin_id, f.name FROM json_each($1) AS j \
         JOIN feed AS f ON LOWER(f.name) = CAST(j.value ->> 2 AS TEXT) \
         JOIN bulletin AS i ON i.feed_id = f.feed_id AND i.folded = CAST(j.value ->> 3 AS TEXT)";
    let asked = names.iter().map(|name| {
        let folded = name.trim().to_lowercase();
        let (feed, rest) = folded.split_once('/').map(|(f, r)| (f.to_owned(), r.to_owned())).unzip();
        (name, folded, feed, rest)
    });
    let found: Vec<Found> = db.all(WHAT, FIND, vec![rows(WHAT, asked)?]).await?;
    let mut by_name: HashMap<&str, Vec<&Found>> = HashMap::new();
    for row in &found {
        by_name.entry(&row.asked).or_default().push(row);
    }
    names
        .iter()
        .map(|name| match by_name.get(name.as_str()).map(Vec::as_slice) {
            None | Some([]) => Err(DbError::not_found("bulletin", name)),
            Some([one]) => Ok(one.bulletin_id),
            Some(many) => {
                let mut feeds: Vec<String> = many.iter().map(|row| row.feed.clone()).collect();
                feeds.sort();
                Err(DbError::Ambiguous { name: name.clone(), feeds })
            }
        })
        .collect()
}

/// Enables or disables bulletins; returns those that changed. Audited for each (`bulletin.enable`, `bulletin.disable`).
///
/// # Errors
/// When the database fails.
pub async fn set_enabled(w: &mut Write<'_>, ids: &[BulletinId], enabled: bool) -> Result<Vec<BulletinId>> {
    const WHAT: &str = "enable or disable bulletins";
    const SET: &str = "UPDATE bulletin SET enabled = $1 WHERE enabled <> $1 \
         AND bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2)) RETURNING bulletin_id AS text";
    let batch = rows(WHAT, ids.iter().map(|id| (id,)))?;
    let changed = w.all::<Id>(WHAT, SET, vec![enabled.into_value(), batch]).await?;
    let (action, before, after) =
        if enabled { ("bulletin.enable", "disabled", "enabled") } else { ("bulletin.disable", "enabled", "disabled") };
    for row in &changed {
        w.audit(action, format!("bulletin {}", row.text), Some(before.into()), Some(after.into()));
    }
    Ok(changed.into_iter().map(|row| row.text).collect())
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
    const WHAT: &str = "set the custom severity of bulletins";
    const BEFORE: &str = "SELECT bulletin_id, custom_severity FROM bulletin \
         WHERE bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    const SET: &str = "UPDATE bulletin SET custom_severity = $1 \
         WHERE bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";
    let batch = rows(WHAT, ids.iter().map(|id| (id,)))?;
    let mut changed: Vec<Rated> = w.all(WHAT, BEFORE, vec![batch]).await?;
    changed.retain(|row| row.custom_severity.as_deref() != severity);
    let batch = rows(WHAT, changed.iter().map(|row| (row.bulletin_id,)))?;
    w.run(WHAT, SET, vec![severity.into_value(), batch]).await?;
    let mut ids = Vec::new();
    for row in changed {
        let object = format!("bulletin {}", row.bulletin_id);
        w.audit("bulletin.severity", object, row.custom_severity, severity.map(str::to_owned));
        ids.push(row.bulletin_id);
    }
    Ok(ids)
}

/// What refers to a bulletin.
///
/// # Errors
/// `NotFound`.
pub async fn refers(db: &Db, id: BulletinId) -> Result<Refers> {
    const WHAT: &str = "find what refers to a bulletin";
    const REFERS: &str = "WITH mine AS (SELECT DISTINCT r.update_id, i.update_key FROM update_revision AS r \
         JOIN software_update AS i ON i.update_id = r.update_id JOIN feed AS f ON f.feed_id = r.feed_id \
         WHERE r.bulletin_id = $1 AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)) \
         SELECT 'update' AS kind, update_id AS id, update_key AS name FROM mine \
         UNION ALL SELECT 'package', p.package_id, '' FROM mine JOIN package AS p ON p.update_id = mine.update_id \
         UNION SELECT 'policy', p.policy_id, p.name FROM mine JOIN policy_update AS s ON s.update_id = mine.update_id \
         JOIN policy AS p ON p.policy_id = s.policy_id \
         UNION SELECT 'job', p.lock_job, '' FROM mine JOIN package AS p ON p.update_id = mine.update_id \
         JOIN job AS j ON j.job_id = p.lock_job WHERE j.state IN ('queued', 'running', 'paused') \
         UNION SELECT 'supersedes', i.bulletin_id, i.name FROM bulletin AS me \
         JOIN bulletin_revision AS r ON r.feed_id = me.feed_id \
         AND r.superseded_by = me.name JOIN bulletin AS i ON i.bulletin_id = r.bulletin_id \
         JOIN feed AS f ON f.feed_id = r.feed_id WHERE me.bulletin_id = $1 AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) \
         ORDER BY 1, 3, 2";
    show(db, id).await?;
    let mut refers = Refers::default();
    for row in db.all::<Referring>(WHAT, REFERS, args![id]).await? {
        match row.kind.as_str() {
            "update" => refers.updates.push(UpdateId(row.id.0)),
            "package" => refers.packages.push(PackageId(row.id.0)),
            "policy" => refers.policies.push((PolicyId(row.id.0), row.name)),
            "job" => refers.jobs.push(row.id),
            _ => refers.supersedes.push(row.name),
        }
    }
    Ok(refers)
}

/// Bulletins whose derived columns are to be brought up to date by hand (reconcile); the change functions do it
/// themselves.
///
/// # Errors
/// When the database fails.
pub async fn recount(w: &mut Write<'_>, ids: &[BulletinId]) -> Result<()> {
    derived::bulletins(w, ids).await
}
