//! One SQL text for both back ends.
//!
//! Parameters and columns are `TEXT` or `BIGINT`, nothing else, so a statement is a text and a list of [`Value`]s,
//! bound in one place per back end. A batch is one JSON parameter, an array of arrays, read in SQL as
//! `json_each($1)` with `CAST(value ->> 0 AS TEXT)`: SQLite has that function, the PostgreSQL migration defines it.
//!
//! SQLite knows no statistics here and would at times read a table and go through the batch for each row. Two portable
//! hints keep the batch outside: `CROSS JOIN` is never reordered, and `state || ''` cannot be answered by an index.
//! Look at `EXPLAIN QUERY PLAN` of every new statement.

use jiff::Timestamp;
use patchwharf_model::{
    AccountId, BulletinId, DeploymentId, FeedId, InstanceId, JobId, LocationId, NotificationId, PackageId, PolicyId,
    Role, SessionId, Severity, Sha256, TokenId, UpdateId,
    finding::{DoneBy, FindingKind, Gravity, Outcome},
    job::{JobKind, JobState, Progress, Report},
    package::VersionState,
    update::{PayloadFile, VendorDigest},
};
use serde::Serialize;

use crate::{DbError, Result, connection::Sql, policies::OnRevision};

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
}

/// What can be a parameter.
pub(crate) trait IntoValue {
    fn into_value(self) -> Value;
}

/// The list of parameters of a statement.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::IntoValue::into_value($value)),*] };
}
pub(crate) use args;

/// PostgreSQL cannot hold NUL in a text and SQLite tools stop at one: vendors' texts lose it here.
pub(crate) fn clean(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::Text(Some(clean(self)))
    }
}
impl IntoValue for String {
    fn into_value(self) -> Value {
        self.as_str().into_value()
    }
}
impl IntoValue for &String {
    fn into_value(self) -> Value {
        self.as_str().into_value()
    }
}
impl IntoValue for Option<&str> {
    fn into_value(self) -> Value {
        Value::Text(self.map(clean))
    }
}
impl IntoValue for Option<String> {
    fn into_value(self) -> Value {
        self.as_deref().into_value()
    }
}
impl IntoValue for i64 {
    fn into_value(self) -> Value {
        Value::Int(Some(self))
    }
}
impl IntoValue for u64 {
    fn into_value(self) -> Value {
        Value::Int(Some(saturate(self)))
    }
}
impl IntoValue for u32 {
    fn into_value(self) -> Value {
        Value::Int(Some(i64::from(self)))
    }
}
impl IntoValue for bool {
    fn into_value(self) -> Value {
        Value::Int(Some(i64::from(self)))
    }
}
impl IntoValue for Timestamp {
    fn into_value(self) -> Value {
        Value::Int(Some(self.as_microsecond()))
    }
}
impl IntoValue for Severity {
    fn into_value(self) -> Value {
        Value::Int(Some(self as i64))
    }
}
impl IntoValue for Option<i64> {
    fn into_value(self) -> Value {
        Value::Int(self)
    }
}
impl IntoValue for Option<u64> {
    fn into_value(self) -> Value {
        Value::Int(self.map(saturate))
    }
}
impl IntoValue for Option<u32> {
    fn into_value(self) -> Value {
        Value::Int(self.map(i64::from))
    }
}
impl IntoValue for Option<Timestamp> {
    fn into_value(self) -> Value {
        Value::Int(self.map(Timestamp::as_microsecond))
    }
}

pub(crate) fn saturate(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A batch of rows as one parameter: each row a tuple, in the order in which the statement reads it.
pub(crate) fn rows<T: Serialize>(what: &'static str, rows: impl IntoIterator<Item = T>) -> Result<Value> {
    let rows: Vec<T> = rows.into_iter().collect();
    let text = serde_json::to_string(&rows).map_err(|e| DbError::query(what, sqlx::Error::Encode(Box::new(e))))?;
    // NUL inside JSON is written as an escape, and only there.
    let text = if text.contains("\\u0000") { strip_nul(&text) } else { text };
    Ok(Value::Text(Some(text)))
}

/// Replaces the escape of NUL, but not an escaped backslash that `u0000` happens to follow.
fn strip_nul(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        if rest[at..].starts_with("\\u0000") {
            out.push('\u{fffd}');
            rest = &rest[at + 6..];
        } else {
            let end = at + 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[at..end]);
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    out
}

/// A row of either back end.
pub(crate) trait Cells {
    fn text(&self, column: &str) -> Result<Option<String>>;
    fn int(&self, column: &str) -> Result<Option<i64>>;
    fn is_null(&self, column: &str) -> Result<bool>;
}

/// What a column can be read as.
pub(crate) trait Column: Sized {
    fn read(row: &dyn Cells, column: &str) -> Result<Self>;
}

/// What a row can be read as.
pub(crate) trait Record: Sized {
    fn read(row: &dyn Cells) -> Result<Self>;
}

fn bad(column: &str, value: impl ToString, expected: &'static str) -> DbError {
    DbError::BadValue { column: column.to_owned(), value: value.to_string().chars().take(100).collect(), expected }
}

impl Column for String {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        row.text(column)?.ok_or_else(|| bad(column, "NULL", "a text"))
    }
}
impl Column for i64 {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        row.int(column)?.ok_or_else(|| bad(column, "NULL", "a number"))
    }
}
impl<T: Column> Column for Option<T> {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        if row.is_null(column)? { Ok(None) } else { T::read(row, column).map(Some) }
    }
}
impl Column for u64 {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        let number = i64::read(row, column)?;
        Self::try_from(number).map_err(|_| bad(column, number, "a number of at least 0"))
    }
}
impl Column for u32 {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        let number = i64::read(row, column)?;
        Self::try_from(number).map_err(|_| bad(column, number, "a number of 0 to 4294967295"))
    }
}
impl Column for bool {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        Ok(i64::read(row, column)? != 0)
    }
}
impl Column for Timestamp {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        let number = i64::read(row, column)?;
        Self::from_microsecond(number).map_err(|_| bad(column, number, "a time in microseconds since 1970"))
    }
}
impl Column for Severity {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        let number = i64::read(row, column)?;
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        Self::ALL.get(index).copied().ok_or_else(|| bad(column, number, "a severity (0 to 4)"))
    }
}
impl Column for camino::Utf8PathBuf {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        String::read(row, column).map(Into::into)
    }
}

/// Space-separated words.
impl Column for Vec<String> {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        Ok(String::read(row, column)?.split_whitespace().map(str::to_owned).collect())
    }
}

macro_rules! json_column {
    ($($type:ty),+ $(,)?) => { $(
        impl Column for $type {
            fn read(row: &dyn Cells, column: &str) -> Result<Self> {
                let text = String::read(row, column)?;
                serde_json::from_str(&text).map_err(|_| bad(column, text, "the JSON that this program writes"))
            }
        }
    )+ };
}

json_column!(Progress, Report, Vec<PayloadFile>, VendorDigest);

impl Column for OnRevision {
    fn read(row: &dyn Cells, column: &str) -> Result<Self> {
        Ok(if String::read(row, column)? == "ask" { Self::Ask } else { Self::Automatic })
    }
}

macro_rules! text_column {
    ($($type:ty: $expected:literal),+ $(,)?) => { $(
        impl Column for $type {
            fn read(row: &dyn Cells, column: &str) -> Result<Self> {
                let text = String::read(row, column)?;
                text.parse().map_err(|_| bad(column, text, $expected))
            }
        }
        impl IntoValue for $type {
            fn into_value(self) -> Value {
                Value::Text(Some(self.to_string()))
            }
        }
        impl IntoValue for Option<$type> {
            fn into_value(self) -> Value {
                Value::Text(self.map(|v| v.to_string()))
            }
        }
    )+ };
}

text_column!(
    FeedId: "an id", BulletinId: "an id", UpdateId: "an id", PackageId: "an id", PolicyId: "an id", JobId: "an id",
    AccountId: "an id", SessionId: "an id", TokenId: "an id", Role: "a role",
    LocationId: "an id", DeploymentId: "an id", InstanceId: "an id", NotificationId: "an id", Sha256: "a SHA-256 digest",
    JobKind: "a kind of job", JobState: "a state of a job", VersionState: "a state of a package version",
    FindingKind: "a kind of finding", Gravity: "a gravity", Outcome: "an outcome", DoneBy: "who does it",
);

/// Declares a struct that is read from columns of the same names.
macro_rules! record {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$field_doc:meta])* $field_vis:vis $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        $vis struct $name { $($(#[$field_doc])* $field_vis $field: $type),+ }

        impl $crate::sql::Record for $name {
            fn read(row: &dyn $crate::sql::Cells) -> $crate::Result<Self> {
                Ok(Self { $($field: <$type as $crate::sql::Column>::read(row, stringify!($field))?),+ })
            }
        }
    };
}
pub(crate) use record;

record!(
    /// A statement that returns one number, in the column `number`.
    pub(crate) struct Number {
        pub(crate) number: i64,
    }
);

record!(
    /// A statement that returns one text, in the column `text`.
    pub(crate) struct Text {
        pub(crate) text: String,
    }
);

/// A row whose columns nobody reads.
pub(crate) struct Skip;

impl Record for Skip {
    fn read(_: &dyn Cells) -> Result<Self> {
        Ok(Self)
    }
}

/// A value as JSON text. Our own types always serialise.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Letters of a search that count.
const MOST_SEARCHED: usize = 200;

/// What is searched for in texts that were folded when they were stored: lower case, and not endless.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().take(MOST_SEARCHED).flat_map(char::to_lowercase)
}

/// What is searched for in texts that `LOWER` has folded: of SQLite, and of PostgreSQL in the collation of our columns, it
/// knows ASCII alone. A parameter has the collation of the database there, which may know more.
pub(crate) fn ascii_folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().take(MOST_SEARCHED).map(|c| c.to_ascii_lowercase())
}

/// A pattern for `LIKE .. ESCAPE '!'` that matches the text anywhere, in lower case.
pub(crate) fn like(text: &str) -> String {
    pattern(folded(text))
}

/// The same for `LOWER(x) LIKE $1 ESCAPE '!'`.
pub(crate) fn like_ascii(text: &str) -> String {
    pattern(ascii_folded(text))
}

fn pattern(letters: impl Iterator<Item = char>) -> String {
    let mut pattern = String::from("%");
    for c in letters {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// A statement put together from constant parts; everything from outside goes in as a parameter.
pub(crate) struct Builder {
    sql: String,
    args: Vec<Value>,
}

impl Builder {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), args: Vec::new() }
    }

    /// Constant text and a parameter after it.
    pub(crate) fn push(&mut self, sql: &'static str, value: impl IntoValue) -> &mut Self {
        self.push_value(sql, value.into_value())
    }

    pub(crate) fn push_value(&mut self, sql: &'static str, value: Value) -> &mut Self {
        use std::fmt::Write as _;
        self.args.push(value);
        let _ = write!(self.sql, "{sql}${}", self.args.len());
        self
    }

    /// Constant text.
    pub(crate) fn text(&mut self, sql: &'static str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    pub(crate) fn build(self) -> (Sql, Vec<Value>) {
        (Sql::Built(self.sql), self.args)
    }
}
