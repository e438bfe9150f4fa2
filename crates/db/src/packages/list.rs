//! Lists of packages and their parts.

use jiff::Timestamp;
use patchwharf_model::{
    BulletinId, JobId, LocationId, PackageId, Sha256, UpdateId, package::ProofStamp, package::VersionState,
    update::VendorDigest,
};

use std::collections::HashMap;

use super::proof;
use crate::{
    Db, DbError, Page, Result,
    page::Cursor,
    sql::{Builder, Cells, Column, Number, Record, args, like, record, rows},
};

const COLUMNS: &str = "SELECT p.package_id, p.update_id, i.update_key, COALESCE(r.title, '') AS title, r.bulletin_id, \
     b.name AS bulletin, p.active, p.current_version, p.token, p.lock_job, p.lock_until, v.version, v.state, v.reason, \
     v.since, v.location_id, v.size_bytes, v.weak, NULLIF(p.proved_at, 0) AS proved_at, p.created_at";
const FROM: &str = " FROM package AS p JOIN software_update AS i ON i.update_id = p.update_id \
     JOIN feed AS f ON f.feed_id = i.feed_id \
     LEFT JOIN update_revision AS r ON r.update_id = p.update_id AND r.from_gen <= f.current_generation \
     AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) \
     LEFT JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id \
     LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.shown_version WHERE 1 = 1";

macro_rules! versions {
    ($condition:literal) => {
        concat!(
            "SELECT v.package_id, v.version, p.update_id, p.active, ",
            "CASE WHEN p.current_version = v.version THEN 1 ELSE 0 END AS is_current, p.token, v.location_id, v.state, ",
            "v.since, v.job_id, v.reason, v.weak, v.size_bytes, v.files_digest, v.retire_after, v.next_try_at, ",
            "v.attempts FROM package_version AS v JOIN package AS p ON p.package_id = v.package_id",
            $condition
        )
    };
}

record!(
    struct Resolved {
        package_id: PackageId,
        also: String,
    }
);

impl Record for File {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self {
            package_id: PackageId::read(row, "package_id")?,
            version: u64::read(row, "version")?,
            name: String::read(row, "name")?,
            size_bytes: u64::read(row, "length")?,
            sha256: Option::read(row, "sha256")?,
            vendor_digest: VendorDigest::read(row, "vendor_digest")?,
            url: Option::read(row, "url")?,
            state: VersionState::read(row, "state")?,
            reason: String::read(row, "reason")?,
            proof: proof::optional(row)?,
        })
    }
}

macro_rules! sorted {
    ($($sort:ident: $column:literal),+ $(,)?) => {
        impl PackageSort {
            fn order(self, descending: bool) -> &'static str {
                match (self, descending) { $(
                    (Self::$sort, false) => concat!(" ORDER BY ", $column, ", p.package_id"),
                    (Self::$sort, true) => concat!(" ORDER BY ", $column, " DESC, p.package_id DESC"),
                )+ }
            }

            fn after(self, descending: bool) -> (&'static str, &'static str) {
                match (self, descending) { $(
                    (Self::$sort, false) => (concat!(" AND (", $column, ", p.package_id) > ("), ", "),
                    (Self::$sort, true) => (concat!(" AND (", $column, ", p.package_id) < ("), ", "),
                )+ }
            }
        }
    };
}

sorted!(Created: "p.created_at", Since: "p.since", Size: "p.size_bytes", Proved: "p.proved_at");

impl PackageSort {
    fn key(self, row: &Package) -> i64 {
        match self {
            Self::Created => row.created_at.as_microsecond(),
            Self::Since => row.since.unwrap_or(row.created_at).as_microsecond(),
            Self::Size => crate::sql::saturate(row.size_bytes.unwrap_or_default()),
            Self::Proved => row.proved_at.map_or(0, Timestamp::as_microsecond),
        }
    }
}

fn narrow(sql: &mut Builder, filter: &PackageFilter) {
    if !filter.states.is_empty() {
        sql.text(" AND p.state IN (''");
        for state in &filter.states {
            sql.push(", ", *state);
        }
        sql.text(")");
    }
    if let Some(bulletin) = filter.bulletin {
        sql.push(" AND r.bulletin_id = ", bulletin);
    }
    if let Some(update) = filter.update {
        sql.push(" AND p.update_id = ", update);
    }
    if let Some(location) = filter.location {
        sql.push(" AND v.location_id = ", location);
    }
    if let Some(active) = filter.active {
        sql.push(" AND p.active = ", active);
    }
    if let Some(weak) = filter.weak {
        sql.push(" AND v.weak = ", weak);
    }
    for word in filter.text.iter().flat_map(|text| text.split_whitespace()).take(16) {
        sql.push(
            " AND LOWER(i.update_key || ' ' || COALESCE(r.title, '') || ' ' || COALESCE(b.name, '')) LIKE ",
            like(word),
        );
        sql.text(" ESCAPE '!'");
    }
}

record!(
    /// A package as lists show it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Package {
        /// Its id.
        pub package_id: PackageId,
        /// Its update.
        pub update_id: UpdateId,
        /// The vendor's key of the update.
        pub update_key: String,
        /// The update's title; empty when no catalogue has it any more.
        pub title: String,
        /// The bulletin, if the update is in the current catalogue.
        pub bulletin_id: Option<BulletinId>,
        /// Its name.
        pub bulletin: Option<String>,
        /// Whether this is the update's package (else it was replaced or is being deleted).
        pub active: bool,
        /// The version that is served.
        pub current_version: Option<u64>,
        /// The fencing token.
        pub token: i64,
        /// The job that changes it now.
        pub lock_job: Option<JobId>,
        /// Until when.
        pub lock_until: Option<Timestamp>,
        /// The version that the following columns speak of: the current one, else the newest; none: no version.
        pub version: Option<u64>,
        /// Its state.
        pub state: Option<VersionState>,
        /// Why it is bad.
        pub reason: Option<String>,
        /// Since when.
        pub since: Option<Timestamp>,
        /// Where it is.
        pub location_id: Option<LocationId>,
        /// Bytes.
        pub size_bytes: Option<u64>,
        /// Whether some file is pinned by SHA-1 only.
        pub weak: Option<bool>,
        /// The oldest verification of its files.
        pub proved_at: Option<Timestamp>,
        /// When it was made.
        pub created_at: Timestamp,
    }
);

record!(
    /// A version of a package.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Version {
        /// The package.
        pub package_id: PackageId,
        /// Its number.
        pub version: u64,
        /// The update.
        pub update_id: UpdateId,
        /// Whether the package is its update's package.
        pub active: bool,
        /// Whether this version is served.
        pub is_current: bool,
        /// The package's fencing token.
        pub token: i64,
        /// Where its folder is.
        pub location_id: LocationId,
        /// Its state.
        pub state: VersionState,
        /// Since when.
        pub since: Timestamp,
        /// By which job.
        pub job_id: Option<JobId>,
        /// Why it is bad.
        pub reason: String,
        /// Whether some file is pinned by SHA-1 only.
        pub weak: bool,
        /// Bytes.
        pub size_bytes: u64,
        /// Of the update revision that it was made from.
        pub files_digest: Sha256,
        /// Retired: unlinked not before this.
        pub retire_after: Option<Timestamp>,
        /// When it is tried again.
        pub next_try_at: Option<Timestamp>,
        /// How often it was tried.
        pub attempts: u32,
    }
);

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// Its name.
    pub name: String,
    /// Length.
    pub size_bytes: u64,
    /// Identity of its content; none: never downloaded.
    pub sha256: Option<Sha256>,
    /// What the vendor pins.
    pub vendor_digest: VendorDigest,
    /// Where the vendor publishes it.
    pub url: Option<String>,
    /// Its state.
    pub state: VersionState,
    /// Why it is bad.
    pub reason: String,
    /// Its proof, with when it was hashed.
    pub proof: Option<(ProofStamp, Timestamp)>,
}

/// Which packages. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct PackageFilter {
    /// One of these states (of the version that the list shows).
    pub states: Vec<VersionState>,
    /// Of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// Of this update.
    pub update: Option<UpdateId>,
    /// At this location.
    pub location: Option<LocationId>,
    /// Active or not.
    pub active: Option<bool>,
    /// Part of the update's key, the title or the bulletin's name, in any case.
    pub text: Option<String>,
    /// Pinned by SHA-1 only.
    pub weak: Option<bool>,
}

/// Columns that packages can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PackageSort {
    /// When it was made.
    #[default]
    Created,
    /// State's time.
    Since,
    /// Bytes.
    Size,
    /// Oldest proof.
    Proved,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct PackageQuery {
    /// Which.
    pub filter: PackageFilter,
    /// By what.
    pub sort: PackageSort,
    /// From the greatest down.
    pub descending: bool,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    pub limit: u32,
    /// Whether to count all matches.
    pub with_total: bool,
}

/// A page of packages.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, query: &PackageQuery) -> Result<Page<Package>> {
    const WHAT: &str = "list packages";
    let limit = query.limit.clamp(1, 1000);
    let total = if query.with_total {
        let mut sql = Builder::new("SELECT COUNT(*) AS number");
        sql.text(FROM);
        narrow(&mut sql, &query.filter);
        let (sql, args) = sql.build();
        db.first::<Number>(WHAT, sql, args).await?.map(|n| u64::try_from(n.number).unwrap_or_default())
    } else {
        None
    };
    let mut sql = Builder::new(COLUMNS);
    sql.text(FROM);
    narrow(&mut sql, &query.filter);
    if let Some(text) = &query.cursor {
        let cursor = Cursor::decode(text)?;
        let (after, then) = query.sort.after(query.descending);
        sql.push(after, cursor.number()?).push(then, cursor.id).text(")");
    }
    sql.text(query.sort.order(query.descending)).push(" LIMIT ", limit + 1);
    let (sql, args) = sql.build();
    let rows = db.all(WHAT, sql, args).await?;
    Ok(Page::cut(rows, limit, total, |row: &Package| Cursor::of_number(query.sort.key(row), row.package_id)))
}

/// One package.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: PackageId) -> Result<Package> {
    let mut sql = Builder::new(COLUMNS);
    sql.text(FROM).push(" AND p.package_id = ", id);
    let (sql, args) = sql.build();
    db.first("show a package", sql, args).await?.ok_or_else(|| DbError::not_found("package", id))
}

/// Packages for what people type: a package id, or an update's key or id (its active package). Same order as given.
///
/// # Errors
/// `NotFound`; `Ambiguous`.
pub async fn resolve(db: &Db, names: &[String]) -> Result<Vec<PackageId>> {
    const WHAT: &str = "find packages by name";
    const PACKAGES: &str = "SELECT package_id, package_id AS also FROM package \
         WHERE package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    const ACTIVE: &str = "SELECT package_id, update_id AS also FROM package WHERE active = 1 \
         AND update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    let asked = rows(WHAT, names.iter().map(|name| (name.trim().to_lowercase(),)))?;
    let found: Vec<Resolved> = db.all(WHAT, PACKAGES, vec![asked]).await?;
    let mut ids: HashMap<String, PackageId> = found.into_iter().map(|r| (r.also, r.package_id)).collect();
    let others: Vec<String> = names.iter().filter(|n| !ids.contains_key(&n.trim().to_lowercase())).cloned().collect();
    if !others.is_empty() {
        let updates = crate::updates::resolve(db, &others).await.map_err(|error| match error {
            DbError::NotFound { name, .. } => DbError::NotFound { kind: "package or update", name },
            other => other,
        })?;
        let active: Vec<Resolved> = db.all(WHAT, ACTIVE, vec![rows(WHAT, updates.iter().map(|id| (id,)))?]).await?;
        let active: HashMap<String, PackageId> = active.into_iter().map(|r| (r.also, r.package_id)).collect();
        for (name, update) in others.iter().zip(&updates) {
            let package = active.get(&update.to_string());
            let package = package.ok_or_else(|| DbError::not_found("package of update", name))?;
            ids.insert(name.trim().to_lowercase(), *package);
        }
    }
    names
        .iter()
        .map(|name| ids.get(&name.trim().to_lowercase()).copied().ok_or_else(|| DbError::not_found("package", name)))
        .collect()
}

/// All versions of these packages, by package and number.
///
/// # Errors
/// When the database fails.
pub async fn versions(db: &Db, packages: &[PackageId]) -> Result<Vec<Version>> {
    const WHAT: &str = "read versions of packages";
    const BY: &str = versions!(
        " WHERE v.package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY v.package_id, v.version"
    );
    db.all(WHAT, BY, vec![rows(WHAT, packages.iter().map(|id| (id,)))?]).await
}

/// All versions of all packages (also replaced ones) of these updates.
///
/// # Errors
/// When the database fails.
pub async fn versions_of(db: &Db, updates: &[UpdateId]) -> Result<Vec<Version>> {
    const WHAT: &str = "read versions of packages";
    const BY: &str = versions!(
        " WHERE p.update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY v.package_id, v.version"
    );
    db.all(WHAT, BY, vec![rows(WHAT, updates.iter().map(|id| (id,)))?]).await
}

/// The files of these versions with their proofs, by package, version and name.
///
/// # Errors
/// When the database fails.
pub async fn files(db: &Db, versions: &[(PackageId, u64)]) -> Result<Vec<File>> {
    const WHAT: &str = "read files of packages";
    const FILES: &str = "SELECT f.package_id, f.version, f.name, f.size_bytes AS length, f.sha256, f.vendor_digest, f.url, \
         f.state, f.reason, r.verified_at, r.dev, r.inode, r.size_bytes, r.mtime_ns, r.ctime_ns \
         FROM json_each($1) AS j JOIN package_file AS f ON f.package_id = CAST(j.value ->> 0 AS TEXT) \
         AND f.version = CAST(j.value ->> 1 AS BIGINT) \
         JOIN package_version AS v ON v.package_id = f.package_id AND v.version = f.version \
         LEFT JOIN proof AS r ON r.location_id = v.location_id AND r.dev = f.dev AND r.inode = f.inode \
         ORDER BY f.package_id, f.version, f.name";
    db.all(WHAT, FILES, vec![rows(WHAT, versions)?]).await
}

/// All versions at a location in id order, `limit` at a time, after the given one: for reconcile and verify of all.
///
/// # Errors
/// When the database fails.
pub async fn by_location(
    db: &Db,
    location: LocationId,
    after: Option<(PackageId, u64)>,
    limit: u32,
) -> Result<Vec<Version>> {
    const BY: &str = versions!(
        " WHERE v.location_id = $1 AND (v.package_id, v.version) > ($2, $3) ORDER BY v.package_id, v.version LIMIT $4"
    );
    let (package, version) = match after {
        None => (String::new(), 0),
        Some((package, version)) => (package.to_string(), version),
    };
    db.all("read the versions at a location", BY, args![location, package, version, limit]).await
}
