//! What an action on bulletins touches.

use patchwharf_model::{BulletinId, PolicyId};

use crate::{
    Db, Result,
    sql::{record, rows},
};

record!(
    /// The live updates of some bulletins: listed, not superseded, not withdrawn.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Touched {
        /// How many.
        pub updates: u64,
        /// Bytes of their files.
        pub size_bytes: u64,
        /// Of those, without a package that is served.
        pub missing: u64,
        /// Bytes of the files of those.
        pub missing_bytes: u64,
    }
);

record!(
    /// A policy that refers to one of some bulletins.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ReferringPolicy {
        /// Its id.
        pub policy_id: PolicyId,
        /// Its name.
        pub name: String,
    }
);

/// Counts the live updates of bulletins.
///
/// # Errors
/// When the database fails.
pub async fn touched(db: &Db, ids: &[BulletinId]) -> Result<Touched> {
    const WHAT: &str = "count the updates of bulletins";
    const COUNT: &str = "WITH chosen AS (SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS id FROM json_each($1)), \
         live AS (SELECT r.size_bytes, CASE WHEN EXISTS (SELECT 1 FROM package AS p WHERE p.update_id = r.update_id \
         AND p.active = 1 AND p.current_version IS NOT NULL) THEN 0 ELSE 1 END AS missing \
         FROM chosen AS c CROSS JOIN update_revision AS r CROSS JOIN feed AS f \
         WHERE r.bulletin_id = c.id AND f.feed_id = r.feed_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) \
         AND r.listed = 1 AND r.withdrawn = 0 AND r.superseded_by IS NULL) \
         SELECT COUNT(*) AS updates, CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS size_bytes, \
         CAST(COALESCE(SUM(missing), 0) AS BIGINT) AS missing, \
         CAST(COALESCE(SUM(missing * size_bytes), 0) AS BIGINT) AS missing_bytes FROM live";
    let found = db.first(WHAT, COUNT, vec![rows(WHAT, ids.iter().map(|id| (id,)))?]).await?;
    Ok(found.unwrap_or_default())
}

/// The policies that refer to an update of one of these bulletins, by name.
///
/// # Errors
/// When the database fails.
pub async fn policies(db: &Db, ids: &[BulletinId]) -> Result<Vec<ReferringPolicy>> {
    const WHAT: &str = "find the policies of bulletins";
    const REFERRING: &str = "WITH chosen AS (SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS id FROM json_each($1)) \
         SELECT p.policy_id, p.name FROM policy AS p WHERE p.policy_id IN (SELECT s.policy_id FROM chosen AS c \
         CROSS JOIN update_revision AS r CROSS JOIN feed AS f CROSS JOIN policy_update AS s \
         WHERE r.bulletin_id = c.id AND f.feed_id = r.feed_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) AND s.update_id = r.update_id) ORDER BY p.name";
    db.all(WHAT, REFERRING, vec![rows(WHAT, ids.iter().map(|id| (id,)))?]).await
}
