//! Columns that are derived from other rows, brought up to date in the transaction that changed those.

use patchwharf_model::{BulletinId, FeedId, PackageId};

use crate::{
    Result, Write,
    sql::{Value, args, rows},
};

const WHAT: &str = "bring derived columns up to date";

/// Which bulletins an expression yields, in the column `bulletin_id`; then their counts.
macro_rules! recount {
    ($bulletins:literal) => {
        concat!(
            "UPDATE bulletin SET updates = r.updates, packages = r.packages, bad_packages = r.bad_packages, ",
            "policies = r.policies, oldest_proof_at = r.oldest_proof_at FROM (SELECT b.bulletin_id, ",
            "SUM(CASE WHEN u.superseded_by IS NULL AND u.withdrawn = 0 AND u.files <> '[]' THEN 1 ELSE 0 END) AS updates, ",
            "SUM(CASE WHEN u.superseded_by IS NULL AND u.withdrawn = 0 AND u.files <> '[]' AND v.state = 'staged' ",
            "AND v.files_digest = u.files_digest THEN 1 ELSE 0 END) AS packages, ",
            "SUM(CASE WHEN v.state IN ('corrupt', 'missing') THEN 1 ELSE 0 END) AS bad_packages, ",
            "(SELECT COUNT(DISTINCT s.policy_id) FROM update_revision AS o JOIN policy_update AS s ",
            "ON s.update_id = o.update_id WHERE o.bulletin_id = b.bulletin_id) AS policies, ",
            "COALESCE(MIN(CASE WHEN v.state = 'staged' AND p.proved_at > 0 THEN p.proved_at END), 0) AS oldest_proof_at ",
            "FROM (",
            $bulletins,
            ") AS b JOIN bulletin AS i ON i.bulletin_id = b.bulletin_id JOIN feed AS f ON f.feed_id = i.feed_id ",
            "LEFT JOIN update_revision AS u ON u.bulletin_id = b.bulletin_id AND u.from_gen <= f.current_generation ",
            "AND (u.to_gen IS NULL OR u.to_gen > f.current_generation) ",
            "LEFT JOIN package AS p ON p.update_id = u.update_id AND p.active = 1 ",
            "LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.current_version ",
            "GROUP BY b.bulletin_id) AS r WHERE bulletin.bulletin_id = r.bulletin_id ",
            "AND (bulletin.updates <> r.updates OR bulletin.packages <> r.packages ",
            "OR bulletin.bad_packages <> r.bad_packages OR bulletin.policies <> r.policies ",
            "OR bulletin.oldest_proof_at <> r.oldest_proof_at)"
        )
    };
}

const OF_IDS: &str = recount!("SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS bulletin_id FROM json_each($1)");
const OF_PACKAGES: &str = recount!(
    "SELECT DISTINCT o.bulletin_id FROM json_each($1) AS j JOIN package AS q ON q.package_id = CAST(j.value ->> 0 AS TEXT) \
     JOIN update_revision AS o ON o.update_id = q.update_id"
);
const OF_UPDATES: &str = recount!(
    "SELECT DISTINCT o.bulletin_id FROM json_each($1) AS j JOIN update_revision AS o \
     ON o.update_id = CAST(j.value ->> 0 AS TEXT)"
);
const OF_GENERATION: &str = recount!(
    "SELECT bulletin_id FROM update_revision WHERE feed_id = $1 AND from_gen = $2 \
     UNION SELECT bulletin_id FROM update_revision WHERE feed_id = $1 AND to_gen = $2 \
     UNION SELECT bulletin_id FROM bulletin_revision WHERE feed_id = $1 AND from_gen = $2"
);

/// A package shows its current version, else its newest.
const PACKAGES: &str = "UPDATE package SET shown_version = r.version, state = r.state, since = r.since, \
     size_bytes = r.size_bytes, proved_at = r.proved_at FROM (SELECT p.package_id, v.version, v.state, \
     COALESCE(v.since, p.created_at) AS since, COALESCE(v.size_bytes, 0) AS size_bytes, \
     (SELECT CASE WHEN COUNT(*) = COUNT(pr.verified_at) THEN COALESCE(MIN(pr.verified_at), 0) ELSE 0 END \
     FROM package_file AS f LEFT JOIN proof AS pr \
     ON pr.location_id = v.location_id AND pr.dev = f.dev AND pr.inode = f.inode \
     WHERE f.package_id = v.package_id AND f.version = v.version) AS proved_at \
     FROM (SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS id FROM json_each($1)) AS j JOIN package AS p ON p.package_id = j.id \
     LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = COALESCE(p.current_version, \
     (SELECT MAX(n.version) FROM package_version AS n WHERE n.package_id = p.package_id))) AS r \
     WHERE package.package_id = r.package_id";

/// After a change to packages, their versions, files or proofs.
pub(crate) async fn packages(w: &mut Write<'_>, ids: impl IntoIterator<Item = PackageId>) -> Result<()> {
    let batch: Value = rows(WHAT, ids.into_iter().map(|id| (id,)))?;
    w.run(WHAT, PACKAGES, vec![batch.clone()]).await?;
    w.run(WHAT, OF_PACKAGES, vec![batch]).await?;
    Ok(())
}

/// After a change to bulletins.
pub(crate) async fn bulletins(w: &mut Write<'_>, ids: &[BulletinId]) -> Result<()> {
    w.run(WHAT, OF_IDS, vec![rows(WHAT, ids.iter().map(|id| (id,)))?]).await?;
    Ok(())
}

/// After a change to what policies hold: the updates, as a batch of one-column rows.
pub(crate) async fn updates(w: &mut Write<'_>, batch: Value) -> Result<()> {
    w.run(WHAT, OF_UPDATES, vec![batch]).await?;
    Ok(())
}

/// After a generation was made current.
pub(crate) async fn generation(w: &mut Write<'_>, feed: FeedId, generation: i64) -> Result<()> {
    w.run(WHAT, OF_GENERATION, args![feed, generation]).await?;
    Ok(())
}
