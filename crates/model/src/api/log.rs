//! The server's log, stored and numbered.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{BulletinId, JobId, PackageId, Timestamp};

/// How grave a log record is; the order is the order of gravity.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Everything.
    Trace,
    /// For those who look for a fault.
    Debug,
    /// What happened.
    #[default]
    Info,
    /// Something that wants a look.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// All values, gravest last.
    pub const ALL: [Self; 5] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no level.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a log level: use trace, debug, info, warn or error")]
pub struct BadLevel(String);

impl FromStr for Level {
    type Err = BadLevel;
    fn from_str(text: &str) -> Result<Self, BadLevel> {
        Self::ALL.into_iter().find(|l| l.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| BadLevel(text.to_owned()))
    }
}

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogRecord {
    /// Number, rising per server: with the server the id of the record.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub level: Level,
    /// The part of the server that wrote it.
    pub source: String,
    /// What happened.
    pub message: String,
    /// The job that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// The bulletin that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulletin: Option<BulletinId>,
    /// The package that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageId>,
    /// Further fields.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

impl LogRecord {
    /// The message with its fields, as they are shown and searched.
    #[must_use]
    pub fn told(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| match value.as_str() {
            Some(text) => format!(" {name}={text}"),
            None => format!(" {name}={value}"),
        });
        std::iter::once(self.message.clone()).chain(fields).collect()
    }
}

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// At least this grave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub level: Option<Level>,
    /// Of this job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// About this bulletin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulletin: Option<BulletinId>,
    /// About this package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageId>,
    /// With this text in the message and its fields, as they are shown: `message field=value`. Fewer than three letters are looked
    /// for in the newest 25,000 records (before `before`), unless `after`, `from`, `job`, `package` or `bulletin` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Only records with a number greater than this, oldest first; without it the newest ones, also oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// Only records with a number less than this: the newest of them, oldest first. To page backwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// Only records of this time and later, oldest first. To jump to a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// The record of this number, what came before it and what after: the context of a record. `limit` counts them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<i64>,
    /// At most so many, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
