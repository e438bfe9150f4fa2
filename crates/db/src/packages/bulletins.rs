//! Whose packages they are.

use patchwharf_model::{BulletinId, PackageId};

use crate::{
    Db, Result,
    sql::{record, rows},
};

record!(
    struct Owned {
        package_id: PackageId,
        bulletin_id: BulletinId,
    }
);

/// The bulletins of these packages, the newest by which their updates were listed. Deleted packages are left out.
///
/// # Errors
/// When the database fails.
pub async fn bulletins_of(db: &Db, ids: &[PackageId]) -> Result<Vec<(PackageId, BulletinId)>> {
    const WHAT: &str = "find the bulletins of packages";
    const OF: &str = "SELECT p.package_id, r.bulletin_id FROM json_each($1) AS j CROSS JOIN package AS p \
         CROSS JOIN update_revision AS r WHERE p.package_id = CAST(j.value ->> 0 AS TEXT) AND r.update_id = p.update_id \
         AND r.from_gen = (SELECT MAX(n.from_gen) FROM update_revision AS n CROSS JOIN feed AS f \
         WHERE n.update_id = p.update_id AND f.feed_id = n.feed_id AND n.from_gen <= f.current_generation)";
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<Owned> = db.all(WHAT, OF, vec![rows(WHAT, ids.iter().map(|id| (id,)))?]).await?;
    Ok(found.into_iter().map(|row| (row.package_id, row.bulletin_id)).collect())
}
