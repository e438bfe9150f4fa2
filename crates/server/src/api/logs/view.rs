//! From records to wire types, and which of them a reader wants.

use patchwharf_db::logs;
use patchwharf_model::{
    InstanceId,
    api::{Level, LogQuery, LogRecord},
};

use crate::logs as live;

pub(super) fn stored(row: logs::LogRecord) -> LogRecord {
    let level = match row.level {
        0 | 1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        _ => Level::Trace,
    };
    LogRecord {
        number: row.number.try_into().unwrap_or(i64::MAX),
        at: row.at,
        level,
        source: row.target,
        message: row.message,
        job: row.job_id,
        bulletin: row.bulletin_id,
        package: row.package_id,
        fields: serde_json::from_str(&row.fields).unwrap_or_default(),
    }
}

pub(super) fn fresh(record: &live::LogRecord) -> LogRecord {
    LogRecord {
        number: record.number.try_into().unwrap_or(i64::MAX),
        at: record.at,
        level: record.level.parse().unwrap_or_default(),
        source: record.target.clone(),
        message: record.message.clone(),
        job: record.job.as_deref().and_then(|id| id.parse().ok()),
        bulletin: record.bulletin.as_deref().and_then(|id| id.parse().ok()),
        package: record.package.as_deref().and_then(|id| id.parse().ok()),
        fields: record.fields.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
    }
}

/// The reader's wish as the database takes it.
pub(super) fn filter(query: &LogQuery, server: InstanceId, after: Option<i64>, limit: u32) -> logs::LogFilter {
    let max_level = query.level.map(|level| match level {
        Level::Error => 1,
        Level::Warn => 2,
        Level::Info => 3,
        Level::Debug => 4,
        Level::Trace => 5,
    });
    logs::LogFilter {
        server: Some(server),
        after: after.map(|number| number.try_into().unwrap_or(0)),
        before: None,
        job: query.job,
        package: query.package,
        bulletin: query.bulletin,
        max_level,
        text: query.text.clone(),
        limit,
    }
}

/// The same wish, for a record that has just been written.
pub(super) fn is_wanted(query: &LogQuery, record: &LogRecord) -> bool {
    fn fits<T: PartialEq>(wish: Option<T>, value: Option<T>) -> bool {
        wish.is_none() || wish == value
    }
    query.level.is_none_or(|level| record.level >= level)
        && fits(query.job, record.job)
        && fits(query.bulletin, record.bulletin)
        && fits(query.package, record.package)
        && query
            .text
            .as_ref()
            .is_none_or(|text| record.told().to_ascii_lowercase().contains(&text.to_ascii_lowercase()))
}
