//! Paging by key: a cursor names the last row seen, so a page costs the same wherever it is.

use crate::{DbError, Result};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Opaque; give it back for the next page. None: this was the last one.
    pub next: Option<String>,
    /// How many rows the filter matches in all, where it was asked for.
    pub total: Option<u64>,
}

/// The place after which a page begins: the sort key of the last row seen, and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) key: String,
    pub(crate) id: String,
}

impl Cursor {
    pub(crate) fn of_number(key: i64, id: impl ToString) -> Self {
        Self { key: key.to_string(), id: id.to_string() }
    }

    pub(crate) fn number(&self) -> Result<i64> {
        self.key.parse().map_err(|_| not_ours(&self.key))
    }

    pub(crate) fn encode(&self) -> String {
        use std::fmt::Write as _;
        format!("{}\0{}", self.id, self.key).bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    pub(crate) fn decode(text: &str) -> Result<Self> {
        let bad = || not_ours(text);
        if !text.is_ascii() || !text.len().is_multiple_of(2) {
            return Err(bad());
        }
        let bytes: Option<Vec<u8>> = (0..text.len())
            .step_by(2)
            .map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        let plain = bytes.and_then(|b| String::from_utf8(b).ok()).ok_or_else(bad)?;
        let (id, key) = plain.split_once('\0').ok_or_else(bad)?;
        Ok(Self { key: key.to_owned(), id: id.to_owned() })
    }
}

fn not_ours(text: &str) -> DbError {
    DbError::Refused(format!("{:?} is not a cursor that this server gave", text.chars().take(100).collect::<String>()))
}

impl<T> Page<T> {
    /// The same page of something else.
    #[must_use]
    pub fn map<U>(self, row: impl FnMut(T) -> U) -> Page<U> {
        Page { rows: self.rows.into_iter().map(row).collect(), next: self.next, total: self.total }
    }

    /// Cuts the one row too many that was asked for in order to know whether there is a next page.
    pub(crate) fn cut(mut rows: Vec<T>, limit: u32, total: Option<u64>, cursor: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| cursor(row).encode()) } else { None };
        Self { rows, next, total }
    }
}
