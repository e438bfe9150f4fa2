//! Columns that are derived from other rows, brought up to date in the transaction that changed those.

use std::collections::BTreeSet;

use patchwharf_model::{BulletinId, FeedId, PackageId};

use crate::{
    Result, Write,
    sql::{IntoValue, Value, rows},
};

const WHAT: &str = "bring derived columns up to date";

/// The counts of bulletins, each at a generation: of what an expression yields in the columns `bulletin_id`, `from_gen`
/// (of the row that holds the counts) and `at_gen` (the generation to count at).
macro_rules! counted {
    ($rows:expr) => {
        concat!(
            "SELECT b.bulletin_id, b.from_gen, ",
            "SUM(CASE WHEN u.superseded_by IS NULL AND u.withdrawn = 0 AND u.files <> '[]' THEN 1 ELSE 0 END) AS updates, ",
            "SUM(CASE WHEN u.superseded_by IS NULL AND u.withdrawn = 0 AND u.files <> '[]' AND v.state = 'staged' ",
            "AND v.files_digest = u.files_digest AND v.unproved = 0 THEN 1 ELSE 0 END) AS packages, ",
            "SUM(CASE WHEN v.state IN ('corrupt', 'missing') THEN 1 ELSE 0 END) AS bad_packages, ",
            "(SELECT COUNT(DISTINCT s.policy_id) FROM update_revision AS o JOIN policy_update AS s ",
            "ON s.update_id = o.update_id WHERE o.bulletin_id = b.bulletin_id AND o.from_gen <= b.at_gen ",
            "AND (o.to_gen IS NULL OR o.to_gen > b.at_gen)) AS policies, ",
            oldest!($rows)
        )
    };
}

/// The last of these counts, from an expression of the same columns: when the oldest of the packages was proved.
macro_rules! oldest {
    ($rows:expr) => {
        concat!(
            "COALESCE(MIN(CASE WHEN v.state = 'staged' AND p.proved_at > 0 THEN p.proved_at END), 0) AS oldest_proof_at ",
            "FROM (",
            $rows,
            ") AS b LEFT JOIN update_revision AS u ON u.bulletin_id = b.bulletin_id AND u.from_gen <= b.at_gen ",
            "AND (u.to_gen IS NULL OR u.to_gen > b.at_gen) ",
            "LEFT JOIN package AS p ON p.update_id = u.update_id AND p.active = 1 ",
            "LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.current_version ",
            "GROUP BY b.bulletin_id, b.from_gen, b.at_gen"
        )
    };
}

/// Which bulletins an expression yields, in the column `bulletin_id`; then the rows of their counts that readers see now and
/// those of an import that is about to become current.
macro_rules! shown {
    ($bulletins:expr) => {
        concat!(
            "SELECT c.bulletin_id, c.from_gen, CASE WHEN c.from_gen > f.current_generation THEN c.from_gen ",
            "ELSE f.current_generation END AS at_gen FROM (",
            $bulletins,
            ") AS t CROSS JOIN bulletin_count AS c CROSS JOIN feed AS f WHERE c.bulletin_id = t.bulletin_id ",
            "AND f.feed_id = c.feed_id AND (c.to_gen IS NULL OR c.to_gen > f.current_generation)"
        )
    };
}

/// Counts the bulletins anew that an expression yields in the column `bulletin_id`.
macro_rules! recount {
    ($bulletins:expr) => {
        concat!(
            "UPDATE bulletin_count SET updates = r.updates, packages = r.packages, bad_packages = r.bad_packages, ",
            "policies = r.policies, oldest_proof_at = r.oldest_proof_at FROM (",
            counted!(shown!($bulletins)),
            ") AS r WHERE bulletin_count.bulletin_id = r.bulletin_id AND bulletin_count.from_gen = r.from_gen ",
            "AND (bulletin_count.updates <> r.updates OR bulletin_count.packages <> r.packages ",
            "OR bulletin_count.bad_packages <> r.bad_packages OR bulletin_count.policies <> r.policies ",
            "OR bulletin_count.oldest_proof_at <> r.oldest_proof_at)"
        )
    };
}

const OF_IDS: &str = recount!("SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS bulletin_id FROM json_each($1)");
/// Bulletins of a batch of packages.
macro_rules! of_packages {
    () => {
        "SELECT DISTINCT o.bulletin_id FROM json_each($1) AS j JOIN package AS q ON q.package_id = CAST(j.value ->> 0 AS TEXT) \
         JOIN update_revision AS o ON o.update_id = q.update_id"
    };
}
const OF_PACKAGES: &str = recount!(of_packages!());
/// Renewed proofs change nothing else.
const OLDEST_OF_PACKAGES: &str = concat!(
    "UPDATE bulletin_count SET oldest_proof_at = r.oldest_proof_at FROM (SELECT b.bulletin_id, b.from_gen, ",
    oldest!(shown!(of_packages!())),
    ") AS r WHERE bulletin_count.bulletin_id = r.bulletin_id AND bulletin_count.from_gen = r.from_gen \
     AND bulletin_count.oldest_proof_at <> r.oldest_proof_at"
);
const OF_UPDATES: &str = recount!(
    "SELECT DISTINCT o.bulletin_id FROM json_each($1) AS j JOIN update_revision AS o \
     ON o.update_id = CAST(j.value ->> 0 AS TEXT)"
);
const OF_GENERATION: &str = concat!(
    "INSERT INTO bulletin_count (feed_id, bulletin_id, from_gen, updates, packages, bad_packages, policies, \
     oldest_proof_at, severity, released_at, revised_at, withdrawn, listed, superseded, enabled) \
     SELECT $1, c.bulletin_id, c.from_gen, c.updates, c.packages, c.bad_packages, c.policies, c.oldest_proof_at, \
     r.severity, r.released_at, r.revised_at, r.withdrawn, r.listed, \
     CASE WHEN r.superseded_by IS NULL THEN 0 ELSE 1 END, i.enabled FROM (",
    counted!(
        "SELECT CAST(value ->> 0 AS TEXT) AS bulletin_id, CAST($2 AS BIGINT) AS from_gen, CAST($2 AS BIGINT) AS at_gen \
         FROM json_each($3)"
    ),
    ") AS c CROSS JOIN bulletin AS i CROSS JOIN bulletin_revision AS r WHERE i.bulletin_id = c.bulletin_id \
     AND r.bulletin_id = c.bulletin_id AND r.from_gen <= $2 AND (r.to_gen IS NULL OR r.to_gen > $2)"
);
const CLOSE: &str = "UPDATE bulletin_count SET to_gen = $1 WHERE to_gen IS NULL AND from_gen < $1 \
     AND bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";

/// When what a package shows was looked at: when it was proved, which an expression yields, else the oldest look at a file
/// of a version, however it ended; 0: one was never looked at.
macro_rules! verified {
    ($proved_at:literal, $package:literal, $version:literal) => {
        concat!(
            "CASE WHEN ",
            $proved_at,
            " > 0 THEN ",
            $proved_at,
            " ELSE COALESCE((SELECT CASE WHEN COUNT(*) = COUNT(COALESCE(q.verified_at, l.looked_at)) ",
            "THEN MIN(COALESCE(q.verified_at, l.looked_at)) ELSE 0 END FROM package_version AS o ",
            "JOIN package_file AS l ON l.package_id = o.package_id AND l.version = o.version ",
            "LEFT JOIN proof AS q ON q.location_id = o.location_id AND q.dev = l.dev AND q.inode = l.inode ",
            "WHERE o.package_id = ",
            $package,
            " AND o.version = ",
            $version,
            "), 0) END"
        )
    };
}

/// A package shows its current version, else its newest.
const PACKAGES: &str = concat!(
    "UPDATE package SET shown_version = r.version, state = r.state, since = r.since, size_bytes = r.size_bytes, \
     location_id = r.location_id, weak = r.weak, unproved = r.unproved, proved_at = r.proved_at, verified_at = ",
    verified!("r.proved_at", "r.package_id", "r.version"),
    " FROM (SELECT p.package_id, v.version, v.state, \
     COALESCE(v.since, p.created_at) AS since, COALESCE(v.size_bytes, 0) AS size_bytes, \
     v.location_id, COALESCE(v.weak, 0) AS weak, COALESCE(v.unproved, 0) AS unproved, \
     (SELECT CASE WHEN COUNT(*) = COUNT(pr.verified_at) THEN COALESCE(MIN(pr.verified_at), 0) ELSE 0 END \
     FROM package_file AS f LEFT JOIN proof AS pr \
     ON pr.location_id = v.location_id AND pr.dev = f.dev AND pr.inode = f.inode \
     WHERE f.package_id = v.package_id AND f.version = v.version) AS proved_at \
     FROM (SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS id FROM json_each($1)) AS j JOIN package AS p ON p.package_id = j.id \
     LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = COALESCE(p.current_version, \
     (SELECT MAX(n.version) FROM package_version AS n WHERE n.package_id = p.package_id))) AS r \
     WHERE package.package_id = r.package_id"
);

/// The oldest proof of what a package shows.
const PROVED: &str = concat!(
    "UPDATE package SET proved_at = r.proved_at, verified_at = ",
    verified!("r.proved_at", "r.package_id", "r.shown_version"),
    " FROM (SELECT p.package_id, p.shown_version, \
     CASE WHEN COUNT(*) = COUNT(pr.verified_at) THEN COALESCE(MIN(pr.verified_at), 0) ELSE 0 END AS proved_at \
     FROM (SELECT CAST(value ->> 0 AS TEXT) AS id FROM json_each($1)) AS j \
     CROSS JOIN package AS p JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.shown_version \
     JOIN package_file AS f ON f.package_id = v.package_id AND f.version = v.version \
     LEFT JOIN proof AS pr ON pr.location_id = v.location_id AND pr.dev = f.dev AND pr.inode = f.inode \
     WHERE p.package_id = j.id GROUP BY p.package_id, p.shown_version) AS r WHERE package.package_id = r.package_id \
     AND (package.proved_at <> r.proved_at OR r.proved_at = 0)"
);

/// After proofs were renewed and nothing else was changed.
pub(crate) async fn proofs(w: &mut Write<'_>, ids: impl IntoIterator<Item = PackageId>) -> Result<()> {
    // Each once: what is joined for one package grows with the square of how often it is named.
    let ids: BTreeSet<PackageId> = ids.into_iter().collect();
    let batch: Value = rows(WHAT, ids.into_iter().map(|id| (id,)))?;
    w.run(WHAT, PROVED, vec![batch.clone()]).await?;
    w.run(WHAT, OLDEST_OF_PACKAGES, vec![batch]).await?;
    Ok(())
}

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

/// Before a generation is made current: counts bulletins as it will show them, and repeats what it says of them in short.
pub(crate) async fn generation(
    w: &mut Write<'_>,
    feed: FeedId,
    generation: i64,
    bulletins: &[BulletinId],
) -> Result<()> {
    let batch = rows(WHAT, bulletins.iter().map(|id| (id,)))?;
    w.run(WHAT, OF_GENERATION, vec![feed.into_value(), generation.into_value(), batch.clone()]).await?;
    w.run(WHAT, CLOSE, vec![generation.into_value(), batch]).await?;
    Ok(())
}
