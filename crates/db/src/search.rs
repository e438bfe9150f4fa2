//! Finding rows by words in their texts.
//!
//! What matches is the same everywhere and said by `LIKE`: every word that was typed, in any case, anywhere in the text.
//! That alone means looking at every text, so each back end has an index of trigrams (three letters in a row) that
//! names the few rows worth looking at, and a module here that knows how it is asked.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use crate::{
    Db, Result,
    open::Backend,
    sql::{Builder, like},
};

/// Words of a search that count; what is typed after them is left out.
const MOST_WORDS: usize = 16;

/// Texts that can be searched. A statement calls the table that has them `r`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Texts {
    /// `bulletin_revision.search`.
    Bulletins,
    /// `update_revision.search`.
    Updates,
}

/// A search, and what the index says of it.
pub(crate) struct Search {
    patterns: Vec<String>,
    few: Option<sqlite::Few>,
}

impl Search {
    /// Takes what was typed and asks the index.
    pub(crate) async fn of(db: &Db, texts: Texts, typed: Option<&str>) -> Result<Self> {
        let words: Vec<&str> = typed.into_iter().flat_map(str::split_whitespace).take(MOST_WORDS).collect();
        let patterns = words.iter().map(|word| like(word)).collect();
        let few = match db.backend() {
            Backend::Sqlite(_) => sqlite::few(db, texts, &words).await?,
            // The planner knows the index, and how often a word is likely to come.
            Backend::Postgres(_) => None,
        };
        Ok(Self { patterns, few })
    }

    /// Whether the index names so few rows that a statement does best to begin with table `r`.
    pub(crate) fn is_narrow(&self) -> bool {
        self.few.is_some()
    }

    /// Whether nothing is searched for.
    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Adds the condition.
    pub(crate) fn narrow(&self, sql: &mut Builder) {
        if let Some(few) = &self.few {
            few.narrow(sql);
        }
        for pattern in &self.patterns {
            sql.push(" AND r.search LIKE ", pattern).text(" ESCAPE '!'");
        }
    }
}
