//! What can go wrong with the database, sorted by what a caller can do about it.

use std::borrow::Cow;

/// The result of a database call.
pub type Result<T> = std::result::Result<T, DbError>;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Somebody else holds the database or the row: the same call can work in a moment (503, Retry-After).
    Busy,
    /// No space left for the database: nothing was changed; works again when there is space.
    Full,
    /// The database cannot be reached: the same call can work when it is back.
    ConnectionLost,
    /// A rule of the schema refused the change.
    Constraint,
    /// The database file is damaged: stop writing, restore or rebuild.
    Corrupt,
    /// The request names a thing that does not exist, or refuses by a rule that the text explains.
    Refused,
    /// Anything else.
    Other,
}

/// A failed database call. The text says what was attempted on what; the source says why.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A statement failed.
    #[error("could not {what}")]
    Query {
        /// What was attempted, as a verb phrase.
        what: Cow<'static, str>,
        /// What can be done about it.
        class: ErrorClass,
        /// The driver's error.
        #[source]
        source: sqlx::Error,
    },
    /// A column holds what this program cannot read.
    #[error("column {column} holds {value:?}, which is not {expected}: the row was written by something else")]
    BadValue {
        /// Column name.
        column: String,
        /// The value, cut to 100 characters.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The database could not be opened.
    #[error("could not open the database {url}: {reason}")]
    Open {
        /// The URL without its password, or the path.
        url: String,
        /// What is wrong and what to do.
        reason: String,
        /// The driver's or operating system's error, if there is one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A copy of the database could not be made, or not be put back.
    #[error("the copy of the database, {file}: {reason}")]
    Copy {
        /// The copy.
        file: String,
        /// What is wrong and what to do.
        reason: String,
        /// Why, if there is more to say.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The database is damaged; nothing is written into it any more.
    #[error(
        "the resource database is damaged ({0}): it is only read, and what is staged is served; stop the server and \
         put a backup of the database in its place"
    )]
    Damaged(String),
    /// The thing does not exist.
    #[error("there is no {kind} {name:?}")]
    NotFound {
        /// Kind of thing: feed, bulletin, package ...
        kind: &'static str,
        /// The name or id that was asked for.
        name: String,
    },
    /// A name that several feeds use.
    #[error("{name:?} is a name in several feeds ({}): write FEED/{name} or use the id", feeds.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// The feeds' names.
        feeds: Vec<String>,
    },
    /// A rule forbids it now.
    #[error("{0}")]
    Refused(String),
}

impl DbError {
    /// What a caller can do about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Query { class, .. } => *class,
            Self::Damaged(_) => ErrorClass::Corrupt,
            Self::Open { .. } | Self::Copy { .. } | Self::BadValue { .. } => ErrorClass::Other,
            Self::NotFound { .. } | Self::Ambiguous { .. } | Self::Refused(_) => ErrorClass::Refused,
        }
    }

    /// Whether the same call can succeed later without anybody changing anything (answer 503 and Retry-After).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.class(), ErrorClass::Busy | ErrorClass::Full | ErrorClass::ConnectionLost)
    }

    pub(crate) fn query(what: impl Into<Cow<'static, str>>, source: sqlx::Error) -> Self {
        Self::Query { what: what.into(), class: classify(&source), source }
    }

    pub(crate) fn not_found(kind: &'static str, name: impl ToString) -> Self {
        Self::NotFound { kind, name: name.to_string() }
    }
}

fn classify(error: &sqlx::Error) -> ErrorClass {
    match error {
        sqlx::Error::PoolTimedOut => ErrorClass::Busy,
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => {
            ErrorClass::ConnectionLost
        }
        sqlx::Error::Database(e) => match e.code().as_deref() {
            Some(code) => by_code(code),
            None => ErrorClass::Other,
        },
        _ => ErrorClass::Other,
    }
}

/// SQLite: decimal extended result codes, the low byte is the primary one. PostgreSQL: five-character SQLSTATE.
fn by_code(code: &str) -> ErrorClass {
    if code.len() < 5
        && let Ok(number) = code.parse::<u32>()
    {
        return match number & 0xff {
            5 | 6 => ErrorClass::Busy,
            13 => ErrorClass::Full,
            19 => ErrorClass::Constraint,
            11 | 26 => ErrorClass::Corrupt,
            _ => ErrorClass::Other,
        };
    }
    match code {
        "40001" | "40P01" | "55P03" | "57014" | "25P03" => ErrorClass::Busy,
        "53100" | "53200" => ErrorClass::Full,
        "XX001" | "XX002" => ErrorClass::Corrupt,
        _ if code.starts_with("23") => ErrorClass::Constraint,
        _ if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => ErrorClass::ConnectionLost,
        _ => ErrorClass::Other,
    }
}

/// Turns a broken rule of the schema into the sentence that a person needs.
pub(crate) fn refuse_constraint<T>(result: Result<T>, text: impl FnOnce() -> String) -> Result<T> {
    result.map_err(|e| if e.class() == ErrorClass::Constraint { DbError::Refused(text()) } else { e })
}
