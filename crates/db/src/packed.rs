//! Statements that return very many rows. On SQLite each row comes as one JSON array: the driver copies every cell of a row by
//! itself for its own thread, which costs more than finding the row. PostgreSQL sends a row as a whole anyway.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::{
    Db, DbError, Result,
    sql::{Cells, Record, Text, Value},
};

/// One statement in both forms. Made by [`packed!`].
pub(crate) struct Packed {
    pub(crate) columns: &'static [&'static str],
    /// A column for each.
    pub(crate) plain: &'static str,
    /// One array, in the column `text`.
    pub(crate) packed: &'static str,
}

/// A statement from its columns (`name: "expression"`) and what comes after them.
macro_rules! packed {
    ([$first:ident: $first_value:literal $(, $column:ident: $value:literal)* $(,)?], $rest:expr) => {
        $crate::packed::Packed {
            columns: &[stringify!($first) $(, stringify!($column))*],
            plain: concat!(
                "SELECT ", $first_value, " AS ", stringify!($first) $(, ", ", $value, " AS ", stringify!($column))*, " ", $rest
            ),
            packed: concat!("SELECT json_array(", $first_value $(, ", ", $value)*, ") AS text ", $rest),
        }
    };
}
pub(crate) use packed;

impl Db {
    /// Reads all rows.
    pub(crate) async fn all_packed<T: Record>(
        &self,
        what: &'static str,
        statement: &Packed,
        args: Vec<Value>,
    ) -> Result<Vec<T>> {
        if self.is_shared() {
            return self.all(what, statement.plain, args).await;
        }
        let mut rows = Vec::new();
        let mut told = Ok(());
        self.each(what, statement.packed, args, |row: Text| {
            match Line::of(what, statement.columns, &row.text).and_then(|line| T::read(&line)) {
                Ok(row) => rows.push(row),
                Err(error) => told = Err(error),
            }
        })
        .await?;
        told.map(|()| rows)
    }
}

/// A row as one array.
struct Line<'a> {
    what: &'static str,
    columns: &'static [&'static str],
    cells: Vec<Cell<'a>>,
}

enum Cell<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
}

impl<'a> Line<'a> {
    fn of(what: &'static str, columns: &'static [&'static str], text: &'a str) -> Result<Self> {
        let cells = serde_json::from_str(text).map_err(|e| DbError::query(what, sqlx::Error::Decode(Box::new(e))))?;
        Ok(Self { what, columns, cells })
    }

    fn cell(&self, column: &str) -> Result<&Cell<'a>> {
        let at = self.columns.iter().position(|name| *name == column);
        at.and_then(|at| self.cells.get(at))
            .ok_or_else(|| DbError::query(self.what, sqlx::Error::ColumnNotFound(column.to_owned())))
    }

    fn is_another_kind(&self, column: &str) -> DbError {
        let error = format!("column {column} holds another kind of value");
        DbError::query(self.what, sqlx::Error::Decode(error.into()))
    }
}

impl Cells for Line<'_> {
    fn text(&self, column: &str) -> Result<Option<String>> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text.clone().into_owned())),
            Cell::Int(_) => Err(self.is_another_kind(column)),
        }
    }
    fn int(&self, column: &str) -> Result<Option<i64>> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Int(number) => Ok(Some(*number)),
            Cell::Text(_) => Err(self.is_another_kind(column)),
        }
    }
    fn is_null(&self, column: &str) -> Result<bool> {
        Ok(matches!(self.cell(column)?, Cell::Null))
    }
}

impl<'de> Deserialize<'de> for Cell<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Kinds)
    }
}

struct Kinds;

impl<'de> Visitor<'de> for Kinds {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text, a whole number or null")
    }
    fn visit_unit<E>(self) -> std::result::Result<Self::Value, E> {
        Ok(Cell::Null)
    }
    fn visit_i64<E>(self, number: i64) -> std::result::Result<Self::Value, E> {
        Ok(Cell::Int(number))
    }
    fn visit_u64<E: Error>(self, number: u64) -> std::result::Result<Self::Value, E> {
        i64::try_from(number).map(Cell::Int).map_err(E::custom)
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> std::result::Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{plan, sql::record};

    record!(
        #[derive(Debug, PartialEq, Eq)]
        struct Odd {
            name: String,
            low: i64,
            high: i64,
            none: Option<String>,
        }
    );

    #[tokio::test]
    async fn a_packed_row_is_what_the_plain_one_is() {
        const ODD: Packed = packed!(
            [name: "$1", low: "-9223372036854775807 - 1", high: "9223372036854775807", none: "NULL"],
            "FROM json_each('[1,2]')"
        );
        let (db, _folder) = plan::database().await;
        let name = "a \"quoted\" \\ name,\n[with] \u{1} and ü 字 \u{1f512}";
        let args = || vec![Value::Text(Some(name.to_owned()))];
        let plain: Vec<Odd> = db.all("read", ODD.plain, args()).await.unwrap();
        let packed: Vec<Odd> = db.all_packed("read", &ODD, args()).await.unwrap();
        assert_eq!(plain.len(), 2);
        assert_eq!(plain[0].name, name);
        assert_eq!(plain, packed);
    }

    #[tokio::test]
    async fn a_cell_of_another_kind_is_an_error_and_no_guess() {
        const WRONG: Packed = packed!([name: "5", low: "1", high: "2", none: "NULL"], "FROM json_each('[1]')");
        const HALF: Packed = packed!([name: "'n'", low: "1.5", high: "2", none: "NULL"], "FROM json_each('[1]')");
        const LESS: Packed = packed!([name: "'n'", low: "1", high: "2"], "FROM json_each('[1]')");
        let (db, _folder) = plan::database().await;
        for statement in [&WRONG, &HALF, &LESS] {
            let error = db.all_packed::<Odd>("read odd rows", statement, Vec::new()).await.unwrap_err();
            assert!(error.to_string().contains("read odd rows"), "{error}");
        }
    }
}
