//! Lists of policies and their switches.

use patchwharf_model::PolicyId;

use super::{Policy, PolicyUpdate};
use crate::{
    Db, DbError, Page, Result,
    page::Cursor,
    sql::{Builder, Number, args, like_ascii},
};

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT p.policy_id, p.name, p.enabled, p.on_revision, p.created_at, p.changed_at, ",
            "(SELECT COUNT(*) FROM policy_update AS s WHERE s.policy_id = p.policy_id) AS updates, ",
            "(SELECT COUNT(*) FROM policy_update AS s WHERE s.policy_id = p.policy_id ",
            "AND s.package_id IS NULL) AS missing, ",
            "(SELECT COUNT(*) FROM policy_update AS s WHERE s.policy_id = p.policy_id ",
            "AND s.pending_package IS NOT NULL) AS pending, ",
            "(SELECT COUNT(*) FROM policy_update AS s JOIN update_revision AS r ON r.update_id = s.update_id ",
            "JOIN feed AS f ON f.feed_id = r.feed_id JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id ",
            "WHERE s.policy_id = p.policy_id AND (b.enabled = 0 OR r.withdrawn = 1) AND r.from_gen <= f.current_generation ",
            "AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)) AS withdrawn FROM policy AS p",
            $condition
        )
    };
}

/// The tables of switches, up to the policy's id.
macro_rules! switches_of {
    () => {
        " FROM policy_update AS s \
         JOIN software_update AS i ON i.update_id = s.update_id JOIN feed AS f ON f.feed_id = i.feed_id \
         LEFT JOIN update_revision AS r ON r.update_id = s.update_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) \
         LEFT JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id \
         LEFT JOIN package_version AS v ON v.package_id = s.package_id AND v.version = s.version WHERE s.policy_id = "
    };
}

/// Switches, up to the policy's id.
macro_rules! switches {
    ($id:literal) => {
        concat!(
            "SELECT s.policy_id, s.update_id, i.update_key, COALESCE(r.title, '') AS title, \
             r.bulletin_id, b.name AS bulletin, CASE WHEN r.withdrawn = 1 THEN 0 ELSE b.enabled END AS offered, \
             s.enabled, s.package_id, s.version, v.state, v.weak, f.accept_sha1, s.files_digest, s.pending_package, \
             s.pending_version",
            switches_of!(),
            $id
        )
    };
}

/// All policies by name.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Policy>> {
    db.all("list policies", select!(" ORDER BY p.name"), args![]).await
}

/// A policy by id or name.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, name_or_id: &str) -> Result<Policy> {
    const SHOW: &str =
        select!(" WHERE p.policy_id = $2 OR p.name = $1 ORDER BY CASE WHEN p.policy_id = $2 THEN 0 ELSE 1 END");
    let found = db.first("show a policy", SHOW, args![name_or_id, name_or_id.to_lowercase()]).await?;
    found.ok_or_else(|| DbError::not_found("policy", name_or_id))
}

/// The switches of a policy, by bulletin and update key.
///
/// # Errors
/// When the database fails.
pub async fn switches(db: &Db, id: PolicyId) -> Result<Vec<PolicyUpdate>> {
    const SWITCHES: &str = concat!(switches!("$1"), " ORDER BY COALESCE(b.name, ''), i.update_key, s.update_id");
    db.all("list the switches of a policy", SWITCHES, args![id]).await
}

/// Which switches of a policy.
#[derive(Clone, Debug, Default)]
pub struct SwitchQuery {
    /// Words in key, title or bulletin, all of them, in any case of ASCII letters.
    pub text: Option<String>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    pub limit: u32,
}

/// A page of the switches of a policy, by bulletin and update key. It counts those of all pages.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn switch_page(db: &Db, id: PolicyId, query: &SwitchQuery) -> Result<Page<PolicyUpdate>> {
    const WHAT: &str = "list the switches of a policy";
    const PLACE: &str = "COALESCE(b.name, '') || '\n' || i.update_key";
    let limit = query.limit.clamp(1, 1000);
    let begun = |columns| {
        let mut sql = Builder::new(columns);
        sql.push("", id);
        for word in query.text.iter().flat_map(|text| text.split_whitespace()).take(16) {
            sql.push(
                " AND LOWER(i.update_key || ' ' || COALESCE(r.title, '') || ' ' || COALESCE(b.name, '')) LIKE ",
                like_ascii(word),
            );
            sql.text(" ESCAPE '!'");
        }
        sql
    };
    let (count, args) = begun(concat!("SELECT COUNT(*) AS number", switches_of!())).build();
    let mut sql = begun(switches!(""));
    if let Some(text) = &query.cursor {
        let cursor = Cursor::decode(text)?;
        sql.text(" AND (").text(PLACE).push(", s.update_id) > (", cursor.key).push(", ", cursor.id).text(")");
    }
    sql.text(" ORDER BY ").text(PLACE).push(", s.update_id LIMIT ", limit + 1);
    let (page, page_args) = sql.build();
    let (total, found) = futures_util::try_join!(db.first::<Number>(WHAT, count, args), db.all(WHAT, page, page_args))?;
    let total = total.map(|total| u64::try_from(total.number).unwrap_or_default());
    Ok(Page::cut(found, limit, total, |row: &PolicyUpdate| Cursor {
        key: format!("{}\n{}", row.bulletin.as_deref().unwrap_or_default(), row.update_key),
        id: row.update_id.to_string(),
    }))
}
