//! What a table says of its bulletins beside their own columns: for one page of them, in one statement.

use patchwharf_model::{BulletinId, JobId, PackageId, UpdateId, package::VersionState};

use crate::{
    Db, Result,
    sql::{record, rows},
};

record!(
    /// A package that is not as it should be, and why.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Trouble {
        /// The bulletin.
        pub bulletin_id: BulletinId,
        /// The package.
        pub package_id: PackageId,
        /// The state of what it shows.
        pub state: VersionState,
        /// Why; empty for what is only unproved.
        pub reason: String,
        /// Nobody vouches for its digests.
        pub unproved: bool,
    }
);

record!(
    /// An update of a bulletin, and what it has here.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Part {
        /// The bulletin.
        pub bulletin_id: BulletinId,
        /// Its update.
        pub update_id: UpdateId,
        /// The package of that.
        pub package_id: Option<PackageId>,
        /// The job that changes the package now.
        pub lock_job: Option<JobId>,
    }
);

record!(
    /// The bulletin of a package, if a catalogue lists the package's update.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OfPackage {
        /// The package.
        pub package_id: PackageId,
        /// The bulletin.
        pub bulletin_id: BulletinId,
        /// Its name.
        pub bulletin: String,
        /// The vendor's key of the update.
        pub update_key: String,
    }
);

/// `CROSS JOIN` keeps the few bulletins outside.
macro_rules! of_bulletins {
    ($what:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM json_each($1) AS c CROSS JOIN update_revision AS r CROSS JOIN feed AS f ",
            $rest,
            " r.bulletin_id = CAST(c.value ->> 0 AS TEXT) AND f.feed_id = r.feed_id ",
            "AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)"
        )
    };
}

const TROUBLES: &str = concat!(
    "SELECT bulletin_id, package_id, state, reason, unproved FROM (",
    of_bulletins!(
        "r.bulletin_id, p.package_id, v.state, v.reason, v.unproved, ROW_NUMBER() OVER (PARTITION BY r.bulletin_id \
         ORDER BY CASE v.state WHEN 'corrupt' THEN 0 WHEN 'missing' THEN 1 WHEN 'vendor-changed' THEN 2 ELSE 3 END, \
         p.package_id) AS place",
        "CROSS JOIN package AS p CROSS JOIN package_version AS v WHERE p.update_id = r.update_id AND p.active = 1 \
         AND v.package_id = p.package_id AND v.version = p.shown_version \
         AND (v.state || '' <> 'staged' AND v.reason <> '' OR v.unproved + 0 = 1) AND"
    ),
    ") AS found WHERE place = 1"
);

const PARTS: &str = of_bulletins!(
    "r.bulletin_id, r.update_id, p.package_id, p.lock_job",
    "LEFT JOIN package AS p ON p.update_id = r.update_id AND p.active = 1 WHERE"
);

const OF_PACKAGES: &str = "SELECT p.package_id, r.bulletin_id, b.name AS bulletin, i.update_key FROM json_each($1) AS c \
     CROSS JOIN package AS p CROSS JOIN update_revision AS r CROSS JOIN feed AS f CROSS JOIN bulletin AS b \
     CROSS JOIN software_update AS i WHERE p.package_id = CAST(c.value ->> 0 AS TEXT) AND r.update_id = p.update_id \
     AND f.feed_id = r.feed_id AND r.from_gen <= f.current_generation \
     AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) AND b.bulletin_id = r.bulletin_id \
     AND i.update_id = p.update_id";

/// Of each of these bulletins the gravest package that is not as it should be, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn troubles(db: &Db, ids: &[BulletinId]) -> Result<Vec<Trouble>> {
    const WHAT: &str = "find what is wrong with bulletins";
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    db.all(WHAT, TROUBLES, vec![rows(WHAT, ids.iter().map(|id| (id,)))?]).await
}

/// The updates of these bulletins with their packages, to find out what works on them.
///
/// # Errors
/// When the database fails.
pub async fn parts(db: &Db, ids: &[BulletinId]) -> Result<Vec<Part>> {
    const WHAT: &str = "read the parts of bulletins";
    db.all(WHAT, PARTS, vec![rows(WHAT, ids.iter().map(|id| (id,)))?]).await
}

/// The bulletins of packages: what the log says of a package is also said of its bulletin.
///
/// # Errors
/// When the database fails.
pub async fn of_packages(db: &Db, ids: &[PackageId]) -> Result<Vec<OfPackage>> {
    const WHAT: &str = "find the bulletins of packages";
    db.all(WHAT, OF_PACKAGES, vec![rows(WHAT, ids.iter().map(|id| (id,)))?]).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{connection::Sql, plan};

    #[tokio::test]
    async fn a_page_of_bulletins_is_looked_up_and_nothing_is_gone_through() {
        let (db, _folder) = plan::database().await;
        for (statement, by) in [
            (TROUBLES, "update_revision_bulletin"),
            (PARTS, "update_revision_bulletin"),
            (OF_PACKAGES, "sqlite_autoindex_package_1"),
        ] {
            let explain = Sql::Built(format!("EXPLAIN QUERY PLAN {statement}"));
            let batch = rows("test", [(BulletinId::new(),)]).unwrap();
            let steps = plan::steps(&db, explain, vec![batch]).await;
            assert!(steps.iter().any(|step| step.contains(by)), "{steps:?}");
            let scanned = steps.iter().filter_map(|step| step.strip_prefix("SCAN ")?.split(' ').next());
            let whole: Vec<&str> = scanned.filter(|table| ["r", "f", "p", "v", "b", "i"].contains(table)).collect();
            assert!(whole.is_empty(), "{steps:?}");
        }
    }
}
