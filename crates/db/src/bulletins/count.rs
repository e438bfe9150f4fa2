//! How many bulletins a filter matches, and which they are where they are few. From as few tables as can say it, for every bulletin
//! has current counts, and these repeat what its catalogue says in short.

use patchwharf_model::BulletinId;

use super::{
    Id,
    filter::{BulletinFilter, narrow},
    list::{FROM_IDENTITY, FROM_REVISION},
};
use crate::{
    Db, Result,
    search::Search,
    sql::{Builder, Number},
};

/// Bulletins that are worth fetching by themselves and sorting: where more match, going through the list in its order fills a
/// page sooner.
pub(super) const FEW: u32 = 500;

/// The current rows of one of these tables.
macro_rules! current {
    ($table:literal) => {
        concat!(
            $table,
            ".from_gen <= f.current_generation AND (",
            $table,
            ".to_gen IS NULL OR ",
            $table,
            ".to_gen > f.current_generation)"
        )
    };
}
pub(super) use current;

const COUNTS: &str =
    concat!(" FROM feed AS f CROSS JOIN bulletin_count AS c WHERE c.feed_id = f.feed_id AND ", current!("c"));
const REVISIONS: &str =
    concat!(" FROM feed AS f CROSS JOIN bulletin_revision AS r WHERE r.feed_id = f.feed_id AND ", current!("r"));
const COUNTS_AND_REVISIONS: &str = concat!(
    " FROM feed AS f CROSS JOIN bulletin_count AS c CROSS JOIN bulletin_revision AS r WHERE c.feed_id = f.feed_id ",
    "AND r.bulletin_id = c.bulletin_id AND ",
    current!("c"),
    " AND ",
    current!("r")
);
const IDENTITIES: &str = concat!(
    " FROM bulletin AS i CROSS JOIN feed AS f CROSS JOIN bulletin_count AS c WHERE f.feed_id = i.feed_id ",
    "AND c.bulletin_id = i.bulletin_id AND ",
    current!("c")
);

const OF_COUNT: &str = "SELECT c.bulletin_id AS text";
const OF_REVISION: &str = "SELECT r.bulletin_id AS text";

/// The tables that a filter speaks of, and how they name a bulletin.
fn tables(filter: &BulletinFilter, search: &Search) -> (&'static str, &'static str) {
    let of_revision = filter.vendor.is_some() || !search.is_empty();
    if search.is_narrow() {
        (FROM_REVISION, OF_COUNT)
    } else if filter.is_by_reference() || (filter.custom_severity.is_some() && of_revision) {
        (FROM_IDENTITY, OF_COUNT)
    } else if filter.custom_severity.is_some() {
        (IDENTITIES, OF_COUNT)
    } else if !of_revision {
        (COUNTS, OF_COUNT)
    } else if filter.is_of_revision_only() {
        (REVISIONS, OF_REVISION)
    } else {
        (COUNTS_AND_REVISIONS, OF_COUNT)
    }
}

/// How many match.
///
/// # Errors
/// When the database fails.
pub(super) async fn count(db: &Db, filter: &BulletinFilter, search: &Search) -> Result<u64> {
    let mut sql = Builder::new("SELECT COUNT(*) AS number");
    sql.text(tables(filter, search).0);
    narrow(&mut sql, filter, search, None);
    let (sql, args) = sql.build();
    let counted = db.first::<Number>("count bulletins", sql, args).await?;
    Ok(counted.map_or(0, |counted| u64::try_from(counted.number).unwrap_or_default()))
}

/// Those that match, where they are few.
///
/// # Errors
/// When the database fails.
pub(super) async fn few(db: &Db, filter: &BulletinFilter, search: &Search) -> Result<Option<Vec<BulletinId>>> {
    let (from, id) = tables(filter, search);
    let mut sql = Builder::new(id);
    sql.text(from);
    narrow(&mut sql, filter, search, None);
    sql.push(" LIMIT ", FEW + 1);
    let (sql, args) = sql.build();
    let found: Vec<Id> = db.all("find the few bulletins that match", sql, args).await?;
    Ok((found.len() <= FEW as usize).then(|| found.into_iter().map(|row| row.text).collect()))
}

impl BulletinFilter {
    /// By what few bulletins have: an index names them.
    pub(super) fn is_by_reference(&self) -> bool {
        self.cve.is_some() || self.kb.is_some()
    }

    /// By nothing but what only the catalogue says.
    fn is_of_revision_only(&self) -> bool {
        let Self { text, vendor, feed, .. } = self.clone();
        *self == Self { text, vendor, feed, ..Self::default() }
    }
}
