//! SQLite: FTS5 tables with the trigram tokenizer, kept by triggers (migration 0002).
//!
//! They hold which rows have a trigram, not where (`detail=none`): a fifth of the size and half the work of an import.
//! What they name is a superset that `LIKE` looks through.

use std::{collections::BTreeSet, path::Path};

use sqlx::{Connection as _, SqliteConnection};

use super::Texts;
use crate::{
    Db, Result,
    sql::{Builder, Number, args, folded},
    sqlite::cannot_open,
};

/// Trigrams that are asked for; more would not narrow it further.
const MOST_TRIGRAMS: usize = 64;

/// Rows that are worth beginning with: reading and sorting more costs more than going through the list in its order until
/// the page is full, which is short where many rows match.
const FEW: i64 = 2_000;

/// The rows that the index names, where they are few.
pub(crate) struct Few {
    among: &'static str,
    trigrams: String,
}

impl Few {
    pub(super) fn narrow(&self, sql: &mut Builder) {
        sql.push(self.among, &self.trigrams).text(")");
    }
}

/// Asks the index. None: it names many, or the words are too short for it.
pub(super) async fn few(db: &Db, texts: Texts, words: &[&str]) -> Result<Option<Few>> {
    const WHAT: &str = "look into the text index";
    let Some(trigrams) = trigrams(words.iter().map(|word| folded(word))) else { return Ok(None) };
    let (count, among) = match texts {
        Texts::Bulletins => (
            "SELECT COUNT(*) AS number FROM (SELECT rowid FROM bulletin_search WHERE bulletin_search MATCH $1 LIMIT $2)",
            " AND r.revision_id IN (SELECT rowid FROM bulletin_search WHERE bulletin_search MATCH ",
        ),
        Texts::Updates => (
            "SELECT COUNT(*) AS number FROM (SELECT rowid FROM update_search WHERE update_search MATCH $1 LIMIT $2)",
            " AND r.revision_id IN (SELECT rowid FROM update_search WHERE update_search MATCH ",
        ),
    };
    let named = db.first::<Number>(WHAT, count, args![&trigrams, FEW + 1]).await?;
    Ok(named.is_some_and(|named| named.number <= FEW).then_some(Few { among, trigrams }))
}

/// A query that every text with all of these words, folded as the texts are, matches; none when no word has three letters. Each trigram is a string
/// in FTS5's quotes, so nothing that is typed is syntax.
pub(crate) fn trigrams(words: impl IntoIterator<Item = impl Iterator<Item = char>>) -> Option<String> {
    let mut found = BTreeSet::new();
    for word in words {
        let letters: Vec<char> = word.collect();
        found.extend(letters.windows(3).map(|three| three.iter().collect::<String>().replace('"', "\"\"")));
    }
    let strings: Vec<String> = found.into_iter().take(MOST_TRIGRAMS).map(|three| format!("\"{three}\"")).collect();
    (!strings.is_empty()).then(|| strings.join(" AND "))
}

/// Makes sure that this program's SQLite has what migration 0002 needs, before a file is touched.
///
/// # Errors
/// `Open`, with what is missing.
pub(crate) async fn check(path: &Path) -> Result<()> {
    const TRY: &str = "CREATE VIRTUAL TABLE search_check USING fts5 (search, content = '', contentless_delete = 1, \
         detail = none, tokenize = 'trigram case_sensitive 1')";
    let tried = async { sqlx::raw_sql(TRY).execute(&mut SqliteConnection::connect("sqlite::memory:").await?).await };
    let missing = "the SQLite in this program has no FTS5 with the trigram tokenizer and contentless_delete (3.43): build \
                   Patchwharf with the SQLite that it brings";
    tried.await.map(drop).map_err(|error| cannot_open(path, &missing).with(error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn words_become_quoted_trigrams() {
        let trigrams = |words: &[&str]| trigrams(words.iter().map(|word| folded(word)));
        assert_eq!(trigrams(&["Kernel", "b0"]).unwrap(), r#""ern" AND "ker" AND "nel" AND "rne""#);
        assert_eq!(trigrams(&["ab", ""]), None);
        assert_eq!(trigrams(&[r#"a"b*"#]).unwrap(), "\"\"\"b*\" AND \"a\"\"b\"");
        assert_eq!(trigrams(&["ÄÖÜ"]).unwrap(), "\"äöü\"");
        let long: String = (0..500u32).filter_map(|n| char::from_u32(0x4e00 + n)).collect();
        assert_eq!(trigrams(&[&long]).unwrap().matches(" AND ").count(), MOST_TRIGRAMS - 1);
    }
}
