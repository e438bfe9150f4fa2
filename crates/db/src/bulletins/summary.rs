//! What lists are narrowed by, and what a dashboard shows.

use patchwharf_model::Severity;

use super::count::current;
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
    const COUNT: &str = concat!(
        "SELECT c.severity, COUNT(*) AS bulletins, ",
        "COUNT(CASE WHEN c.bad_packages = 0 AND c.packages > 0 AND c.packages = c.updates THEN 1 END) AS downloaded, ",
        "COUNT(CASE WHEN c.bad_packages > 0 THEN 1 END) AS damaged ",
        "FROM feed AS f CROSS JOIN bulletin_count AS c WHERE c.feed_id = f.feed_id AND ",
        current!("c"),
        " AND c.listed = 1 AND c.withdrawn = 0 AND c.superseded = 0 GROUP BY c.severity ORDER BY c.severity DESC"
    );
    db.all("count bulletins by severity", COUNT, args![]).await
}

/// The administrator's own severities that are in use, by name.
///
/// # Errors
/// When the database fails.
pub async fn custom_severities(db: &Db) -> Result<Vec<String>> {
    // From one to the next greater by their index: reading all bulletins takes as long as a page.
    const USED: &str = "WITH RECURSIVE used (text) AS (\
         SELECT MIN(COALESCE(custom_severity, '')) FROM bulletin WHERE COALESCE(custom_severity, '') > '' \
         UNION ALL SELECT (SELECT MIN(COALESCE(b.custom_severity, '')) FROM bulletin AS b \
         WHERE COALESCE(b.custom_severity, '') > used.text) FROM used WHERE used.text IS NOT NULL) \
         SELECT text FROM used WHERE text IS NOT NULL LIMIT 100";
    Ok(db.all::<Text>("list custom severities", USED, args![]).await?.into_iter().map(|row| row.text).collect())
}
