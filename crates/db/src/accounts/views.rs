//! Views that accounts have saved: filter and order of a table under a name.

use jiff::Timestamp;
use patchwharf_model::AccountId;

use super::change;
use crate::{
    Db, DbError, Result, Write,
    sql::{Number, Text, args, record},
};

record!(
    /// A saved view.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct View {
        /// The table.
        pub place: String,
        /// Its name.
        pub name: String,
        /// Filter and order, as the address of the page has them.
        pub query: String,
        /// When it was saved.
        pub saved_at: Timestamp,
    }
);

/// The views of an account, by table and name.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, account: AccountId) -> Result<Vec<View>> {
    const LIST: &str = "SELECT place, name, query, saved_at FROM saved_view WHERE account_id = $1 ORDER BY place, name";
    db.all("list saved views", LIST, args![account]).await
}

/// Saves a view; one of the same name gives way to it. An account has at most so many.
///
/// # Errors
/// `Refused` when there are as many already.
pub async fn save(
    w: &mut Write<'_>,
    account: AccountId,
    place: &str,
    name: &str,
    query: &str,
    most: u32,
) -> Result<()> {
    const WHAT: &str = "save a view";
    const BEFORE: &str = "SELECT query AS text FROM saved_view WHERE account_id = $1 AND place = $2 AND name = $3";
    const COUNT: &str = "SELECT COUNT(*) AS number FROM saved_view WHERE account_id = $1";
    const SAVE: &str = "INSERT INTO saved_view (account_id, place, name, query, saved_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (account_id, place, name) DO UPDATE SET query = $4, saved_at = $5";
    let before = w.first::<Text>(WHAT, BEFORE, args![account, place, name]).await?.map(|row| row.text);
    let count = w.first::<Number>(WHAT, COUNT, args![account]).await?.map_or(0, |row| row.number);
    if before.is_none() && count >= i64::from(most) {
        return Err(DbError::Refused(format!("this account has {count} saved views: forget one that nobody needs")));
    }
    let now = w.now();
    w.run(WHAT, SAVE, args![account, place, name, query, now]).await?;
    let owner = change::name(w, account).await?;
    let told = |query: &str| format!("{owner}: {place} {name}: {query}");
    w.audit("view.save", format!("account {account}"), before.as_deref().map(told), Some(told(query)));
    Ok(())
}

/// Forgets a view. Returns whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn forget(w: &mut Write<'_>, account: AccountId, place: &str, name: &str) -> Result<bool> {
    const WHAT: &str = "forget a view";
    const FORGET: &str = "DELETE FROM saved_view WHERE account_id = $1 AND place = $2 AND name = $3 \
         RETURNING query AS text";
    let Some(gone) = w.first::<Text>(WHAT, FORGET, args![account, place, name]).await? else { return Ok(false) };
    let owner = change::name(w, account).await?;
    w.audit("view.forget", format!("account {account}"), Some(format!("{owner}: {place} {name}: {}", gone.text)), None);
    Ok(true)
}
