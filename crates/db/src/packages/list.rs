//! Lists of packages and their parts.

mod filter;
mod sort;
mod versions;

use std::collections::HashMap;

use filter::{FEW, are_few, narrow};
use jiff::Timestamp;
use patchwharf_model::{BulletinId, JobId, LocationId, PackageId, UpdateId, package::VersionState};

use super::proof;
use crate::{
    Db, DbError, Page, Result,
    page::Cursor,
    search::{Search, Texts},
    sql::{Builder, Number, record, rows},
};

pub use filter::PackageFilter;
pub use sort::PackageSort;
pub use versions::{File, Version, by_location, files, to_relocate, versions, versions_of};

const COLUMNS: &str = "SELECT p.package_id, p.update_id, i.update_key, COALESCE(r.title, '') AS title, r.bulletin_id, \
     b.name AS bulletin, p.active, p.current_version, p.token, p.lock_job, p.lock_until, v.version, v.state, v.reason, \
     v.since, v.location_id, v.size_bytes, v.weak, v.unproved, NULLIF(p.proved_at, 0) AS proved_at, \
     NULLIF(p.verified_at, 0) AS verified_at, p.created_at";

/// What a row says beside its package.
macro_rules! beside {
    () => {
        " JOIN software_update AS i ON i.update_id = p.update_id JOIN feed AS f ON f.feed_id = i.feed_id \
         LEFT JOIN update_revision AS r ON r.update_id = p.update_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) \
         LEFT JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id \
         LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.shown_version WHERE 1 = 1"
    };
}

const FROM: &str = concat!(" FROM package AS p", beside!());
/// From those of a page.
const FROM_PAGE: &str = " FROM (SELECT p.* FROM package AS p WHERE 1 = 1";
const BESIDE_PAGE: &str = concat!(") AS p", beside!());

/// From the few updates that a search names; `CROSS JOIN` is an ordinary join that SQLite does not reorder.
const FROM_UPDATES: &str = " FROM update_revision AS r CROSS JOIN feed AS f CROSS JOIN package AS p \
     CROSS JOIN software_update AS i LEFT JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id \
     LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.shown_version \
     WHERE f.feed_id = r.feed_id AND r.from_gen <= f.current_generation \
     AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) AND p.update_id = r.update_id AND i.update_id = r.update_id";

fn from(search: &Search) -> &'static str {
    if search.is_narrow() { FROM_UPDATES } else { FROM }
}

/// What has to be read to count: every package has its update and feed, and none is left out for the rest.
fn counted_from(filter: &PackageFilter, search: &Search) -> &'static str {
    if filter.is_of_packages_alone() { " FROM package AS p WHERE 1 = 1" } else { from(search) }
}

record!(
    struct Resolved {
        package_id: PackageId,
        also: String,
    }
);

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
        /// Whether nobody vouches for its digests yet.
        pub unproved: Option<bool>,
        /// The oldest verification of its files.
        pub proved_at: Option<Timestamp>,
        /// The oldest look at its files, however it ended.
        pub verified_at: Option<Timestamp>,
        /// When it was made.
        pub created_at: Timestamp,
    }
);

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
    let search = Search::of(db, Texts::Updates, query.filter.text.as_deref()).await?;
    let way = Way::to(db, query, &search, limit + 1).await?;
    let mut sql = Builder::new(COLUMNS);
    page(&mut sql, query, &search, way)?;
    sql.push(" LIMIT ", limit + 1);
    let (sql, args) = sql.build();
    let total = async { if query.with_total { count(db, query, &search, None).await.map(Some) } else { Ok(None) } };
    // Counting may take longer than the page: side by side.
    let (total, rows) = futures_util::try_join!(total, db.all(WHAT, sql, args))?;
    Ok(Page::cut(rows, limit, total, |row: &Package| Cursor::of_number(query.sort.key(row), row.package_id)))
}

/// How many match, counted up to `most`.
async fn count(db: &Db, query: &PackageQuery, search: &Search, most: Option<u32>) -> Result<u64> {
    let mut sql = Builder::new(match most {
        None => "SELECT COUNT(*) AS number",
        Some(_) => "SELECT COUNT(*) AS number FROM (SELECT 1 AS one",
    });
    sql.text(counted_from(&query.filter, search));
    narrow(&mut sql, &query.filter, search, true);
    if let Some(most) = most {
        sql.push(" LIMIT ", most).text(") AS matching");
    }
    let (sql, args) = sql.build();
    let counted = db.first::<Number>("count packages", sql, args).await?;
    Ok(counted.map_or(0, |n| u64::try_from(n.number).unwrap_or_default()))
}

/// How a statement goes about its packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Few match: so many of them are found and sorted, and only then is read what stands beside them.
    Few(u32),
    /// Beginning with what an index names.
    ByIndex,
    /// Through the list in its order, until the page is full.
    InOrder,
}

impl Way {
    /// The way to a page of so many rows.
    async fn to(db: &Db, query: &PackageQuery, search: &Search, rows: u32) -> Result<Self> {
        if query.filter.is_of_packages_alone() {
            let few = count(db, query, search, Some(FEW + 1)).await? <= u64::from(FEW);
            return Ok(if few { Self::Few(rows) } else { Self::InOrder });
        }
        Ok(if are_few(db, &query.filter.states).await? { Self::ByIndex } else { Self::InOrder })
    }
}

/// The statement of a page, from its tables to its order.
fn page(sql: &mut Builder, query: &PackageQuery, search: &Search, way: Way) -> Result<()> {
    sql.text(if matches!(way, Way::Few(_)) { FROM_PAGE } else { from(search) });
    narrow(sql, &query.filter, search, way != Way::InOrder);
    if let Some(text) = &query.cursor {
        let cursor = Cursor::decode(text)?;
        let (after, then) = query.sort.after(query.descending);
        sql.push(after, cursor.number()?).push(then, cursor.id).text(")");
    }
    if let Way::Few(rows) = way {
        sql.text(query.sort.order(query.descending)).push(" LIMIT ", rows).text(BESIDE_PAGE);
    }
    sql.text(query.sort.order(query.descending));
    Ok(())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::plan;

    #[tokio::test]
    async fn a_word_is_found_through_the_index_whatever_the_order() {
        let (db, _folder) = plan::database().await;
        let search = Search::of(&db, Texts::Updates, Some("kernel")).await.unwrap();
        for sort in [PackageSort::Created, PackageSort::Size] {
            let query = PackageQuery {
                filter: PackageFilter::default(),
                sort,
                descending: true,
                cursor: None,
                limit: 100,
                with_total: false,
            };
            let mut sql = Builder::new("EXPLAIN QUERY PLAN SELECT p.package_id");
            page(&mut sql, &query, &search, Way::ByIndex).unwrap();
            let (sql, args) = sql.build();
            let steps = plan::steps(&db, sql, args).await;
            assert!(steps[0].starts_with("SEARCH r USING INTEGER PRIMARY KEY"), "{sort:?}: {}", steps[0]);
        }
    }

    #[tokio::test]
    async fn a_state_that_most_have_is_not_sorted_and_one_that_few_have_is_found_by_its_index() {
        let (db, _folder) = plan::database().await;
        let search = Search::of(&db, Texts::Updates, None).await.unwrap();
        let states = vec![VersionState::Staged];
        let query = PackageQuery {
            filter: PackageFilter { states: states.clone(), ..PackageFilter::default() },
            sort: PackageSort::Size,
            descending: true,
            cursor: None,
            limit: 100,
            with_total: false,
        };
        assert!(are_few(&db, &states).await.unwrap() && are_few(&db, &[]).await.unwrap());
        for (way, first) in
            [(Way::ByIndex, "SEARCH p USING INDEX package_state"), (Way::InOrder, "SCAN p USING INDEX package_size")]
        {
            let mut sql = Builder::new("EXPLAIN QUERY PLAN SELECT p.package_id");
            page(&mut sql, &query, &search, way).unwrap();
            let (sql, args) = sql.build();
            let steps = plan::steps(&db, sql, args).await;
            assert!(steps[0].starts_with(first), "{way:?}: {steps:?}");
            let is_sorted = steps.iter().any(|step| step.contains("TEMP B-TREE"));
            assert_eq!(is_sorted, way == Way::ByIndex, "{steps:?}");
        }
        let filter = PackageFilter { states, active: Some(true), ..PackageFilter::default() };
        let mut sql = Builder::new("EXPLAIN QUERY PLAN SELECT COUNT(*)");
        sql.text(counted_from(&filter, &search));
        narrow(&mut sql, &filter, &search, true);
        let (sql, args) = sql.build();
        let steps = plan::steps(&db, sql, args).await;
        assert!(steps[0].starts_with("SEARCH p USING COVERING INDEX package_state"), "{steps:?}");
    }
}
