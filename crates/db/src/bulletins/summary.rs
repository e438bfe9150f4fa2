//! What lists are narrowed by, and what a dashboard shows.

use patchwharf_model::Severity;

use crate::{
    Db, Result,
    sql::{Text, args, record},
};

record!(
    /// Bulletins of one vendor severity: listed, not superseded, not withdrawn.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct BySeverity {
        /// The severity.
        pub severity: Severity,
        /// How many.
        pub bulletins: u64,
        /// Of those, downloaded as a whole.
        pub downloaded: u64,
        /// Of those, with a corrupt or missing package.
        pub damaged: u64,
    }
);

/// Counts by severity, the gravest first.
///
/// # Errors
/// When the database fails.
pub async fn by_severity(db: &Db) -> Result<Vec<BySeverity>> {
    const COUNT: &str = "SELECT r.severity, COUNT(*) AS bulletins, \
         COUNT(CASE WHEN c.bad_packages = 0 AND c.packages > 0 AND c.packages = c.updates THEN 1 END) AS downloaded, \
         COUNT(CASE WHEN c.bad_packages > 0 THEN 1 END) AS damaged \
         FROM feed AS f CROSS JOIN bulletin_revision AS r CROSS JOIN bulletin_count AS c \
         WHERE r.feed_id = f.feed_id AND c.bulletin_id = r.bulletin_id \
         AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) \
         AND c.from_gen <= f.current_generation AND (c.to_gen IS NULL OR c.to_gen > f.current_generation) \
         AND r.listed = 1 AND r.withdrawn = 0 AND r.superseded_by IS NULL GROUP BY r.severity ORDER BY r.severity DESC";
    db.all("count bulletins by severity", COUNT, args![]).await
}

/// The administrator's own severities that are in use, by name.
///
/// # Errors
/// When the database fails.
pub async fn custom_severities(db: &Db) -> Result<Vec<String>> {
    const USED: &str = "SELECT DISTINCT custom_severity AS text FROM bulletin WHERE custom_severity IS NOT NULL \
         ORDER BY custom_severity LIMIT 100";
    Ok(db.all::<Text>("list custom severities", USED, args![]).await?.into_iter().map(|row| row.text).collect())
}
