//! A damaged database: read as far as it can be, never written again until a person has put a sound one in its place.

use crate::{
    Db, DbError, ErrorClass, Result,
    connection::{Connection, Sql},
    open::Backend,
    sql::{Text, args},
};

const WHAT: &str = "check the database";

impl Db {
    /// The check at the start (SQLite: `quick_check`): pages, not what the rows mean.
    pub(crate) async fn quick_check(&self) -> Result<()> {
        let checked = self.all::<Text>(WHAT, "SELECT quick_check AS text FROM pragma_quick_check", args![]).await;
        match checked {
            // Noted on its way here. What can still be read is found out by reading it.
            Err(e) if e.class() == ErrorClass::Corrupt => {}
            other => {
                if let Some(found) = other?.into_iter().find(|line| line.text != "ok") {
                    self.note_damage(found.text);
                }
            }
        }
        Ok(())
    }

    /// The whole check of the database (SQLite: `integrity_check` and `foreign_key_check`; PostgreSQL keeps its foreign
    /// keys itself). Returns what was found; empty means sound. After damaged pages nothing is written any more.
    ///
    /// # Errors
    /// When the check itself cannot run.
    pub async fn integrity_check(&self) -> Result<Vec<String>> {
        const PAGES: &str = "SELECT integrity_check AS text FROM pragma_integrity_check";
        const KEYS: &str = "SELECT 'row ' || COALESCE(CAST(rowid AS TEXT), '?') || ' of ' || \"table\" \
             || ' refers to a row of ' || parent || ' that is not there' AS text FROM pragma_foreign_key_check LIMIT 100";
        let Backend::Sqlite(sqlite) = self.backend() else { return Ok(Vec::new()) };
        // Other connections keep pages in memory, and would find those sound.
        let mut fresh = sqlite.fresh_reader().await?;
        let mut check = async |sql| {
            let mut found = Vec::new();
            let mut connection = Connection::Sqlite(&mut fresh);
            let lines = connection.each(WHAT, Sql::Const(sql), args![], |line: Text| found.push(line.text)).await;
            self.watched(lines).map(|()| found)
        };
        let mut found = match check(PAGES).await {
            Err(error) if error.class() == ErrorClass::Corrupt => vec![error.to_string()],
            other => other?,
        };
        found.retain(|line| line != "ok");
        match found.first() {
            Some(first) => self.note_damage(first.clone()),
            None => found.extend(check(KEYS).await?),
        }
        Ok(found)
    }

    /// What was found to be damaged, since when nothing is written any more. Found at the start (`quick_check`), by the
    /// whole check, or by any statement that met it. It stays until the program is started on a sound database.
    #[must_use]
    pub fn damage(&self) -> Option<&str> {
        self.damage_cell().get().map(String::as_str)
    }

    /// Looks whether the file that is open is still the one at its path (SQLite). If somebody moved it away, or put another
    /// in its place, all that is written goes into a file that nobody opens again: that ends all writing (C-14).
    pub fn look_at_file(&self) {
        let Backend::Sqlite(sqlite) = self.backend() else { return };
        if !sqlite.is_in_place() {
            self.note_damage(format!("{} was moved or replaced while it was open", sqlite.path.display()));
        }
    }

    /// Notes damage; the first that was found stays.
    pub(crate) fn note_damage(&self, found: impl Into<String>) {
        let _ = self.damage_cell().set(found.into());
    }

    /// Every result of a statement comes through here.
    pub(crate) fn watched<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && error.class() == ErrorClass::Corrupt
        {
            let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            self.note_damage(cause);
        }
        result
    }

    /// Refuses to write into a damaged database: it would carry the damage into what is still whole.
    pub(crate) fn may_write(&self) -> Result<()> {
        self.damage().map_or(Ok(()), |found| Err(DbError::Damaged(found.to_owned())))
    }
}
