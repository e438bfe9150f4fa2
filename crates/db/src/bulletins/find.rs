//! By name, and what refers to a bulletin.

use std::collections::HashMap;

use patchwharf_model::{BulletinId, JobId, PackageId, PolicyId, UpdateId};

use super::list::show;
use crate::{
    Db, DbError, Result,
    sql::{args, record, rows},
};

record!(
    struct Found {
        asked: String,
        bulletin_id: BulletinId,
        feed: String,
    }
);

record!(
    struct Referring {
        kind: String,
        id: JobId,
        name: String,
    }
);

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
        let trimmed = name.trim();
        let (feed, rest) =
            trimmed.split_once('/').map(|(feed, rest)| (feed.to_ascii_lowercase(), rest.to_lowercase())).unzip();
        (name, trimmed.to_lowercase(), feed, rest)
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

/// What refers to a bulletin.
///
/// # Errors
/// `NotFound`.
pub async fn refers(db: &Db, id: BulletinId) -> Result<Refers> {
    const WHAT: &str = "find what refers to a bulletin";
    // `+ 0` keeps SQLite from the index of generations, which names the whole catalogue: what a bulletin supersedes is in one of
    // its own.
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
         JOIN feed AS f ON f.feed_id = r.feed_id WHERE me.bulletin_id = $1 AND r.from_gen + 0 <= f.current_generation \
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
