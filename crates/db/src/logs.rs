//! Log records, numbered per server by its one writer.
//!
//! SQLite: a file of its own (`log.db`, `synchronous=NORMAL`), so that logging never waits for the resource database.
//! PostgreSQL: a table.

use jiff::Timestamp;
use patchwharf_model::{BulletinId, InstanceId, JobId, PackageId};

use crate::{
    Db, DbError, Result,
    connection::{Connection, Sql},
    open::Backend,
    search,
    sql::{Builder, Number, Record, Value, args, ascii_folded, like_ascii, record, rows},
};

/// Records that are worth fetching by themselves: where a text is in more of them, the newest ones soon have a page full.
const FEW: i64 = 20_000;
/// The same among the records of a job, package or bulletin, which an index of their own finds.
const FEW_OF_ONE: i64 = 2_000;
/// Records that are looked through backwards for a text that is too short for an index. Two letters that nobody wrote would
/// else have every record read.
pub const LOOKED_THROUGH: u64 = 25_000;
/// Records of a file from before the text index that are taken into it at once: so long the writer waits.
const BATCH: u64 = 2_000;

record!(
    /// A log record.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LogRecord {
        /// The server that wrote it.
        pub server: InstanceId,
        /// Its number there; rises.
        pub number: u64,
        /// When.
        pub at: Timestamp,
        /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
        pub level: u32,
        /// The module that wrote it.
        pub target: String,
        /// The message.
        pub message: String,
        /// Its job.
        pub job_id: Option<JobId>,
        /// Its package.
        pub package_id: Option<PackageId>,
        /// Its bulletin.
        pub bulletin_id: Option<BulletinId>,
        /// Other fields, JSON object.
        pub fields: String,
    }
);

record!(
    struct Named {
        package_id: PackageId,
    }
);

/// What is searched: the message with its fields as they are shown, in lower case. Fields are a JSON object of texts, of
/// which what JSON adds is taken away. The text indexes hold the same expression.
macro_rules! told {
    () => {
        concat!(
            "LOWER(message || ' ' || REPLACE(REPLACE(REPLACE(REPLACE(",
            "CASE WHEN LENGTH(fields) < 5 THEN '' ELSE SUBSTR(fields, 3, LENGTH(fields) - 4) END, ",
            r#"'":"', '='), '","', ' '), '\"', '"'), '\\', '\'))"#
        )
    };
}
pub(crate) use told;

/// The first row that the text index of `log.db` has.
macro_rules! indexed {
    () => {
        "COALESCE((SELECT MIN(id) FROM log_text_docsize), 9223372036854775807)"
    };
}

/// By the index of times, not through all records of the server.
const FIRST: &str = "SELECT number FROM log_record WHERE at >= $2 AND server || '' = $1 ORDER BY at LIMIT 1";

/// Which records.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Of one server; none: of all.
    pub server: Option<InstanceId>,
    /// Numbers above this one (with `server`): to follow.
    pub after: Option<u64>,
    /// Numbers below this one (with `server`): to page backwards.
    pub before: Option<u64>,
    /// Of this job.
    pub job: Option<JobId>,
    /// Of this package.
    pub package: Option<PackageId>,
    /// Of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// This level or graver; none: all.
    pub max_level: Option<u32>,
    /// Part of the message or its fields as they are shown, `message field=value`, in any case of ASCII letters. One of fewer
    /// than three letters is looked for in [`LOOKED_THROUGH`] records, unless `after`, `job`, `package` or `bulletin` says where.
    pub text: Option<String>,
    /// At most so many: the oldest of them with `after`, else the newest.
    pub limit: u32,
}

/// Writes records in one transaction.
///
/// # Errors
/// When the database fails.
pub async fn append(db: &Db, records: &[LogRecord]) -> Result<()> {
    const WHAT: &str = "write log records";
    const INSERT: &str = "INSERT INTO log_record (server, number, at, level, target, message, job_id, package_id, \
         bulletin_id, fields) SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), \
         CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS TEXT), \
         CAST(value ->> 5 AS TEXT), CAST(value ->> 6 AS TEXT), CAST(value ->> 7 AS TEXT), CAST(value ->> 8 AS TEXT), \
         CAST(value ->> 9 AS TEXT) FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";
    let lines = records.iter().map(|r| {
        let ids = (r.job_id, r.package_id, r.bulletin_id);
        let at = r.at.as_microsecond();
        (r.server, r.number, at, r.level, &r.target, &r.message, ids.0, ids.1, ids.2, &r.fields)
    });
    db.log_run(WHAT, INSERT, vec![rows(WHAT, lines)?]).await?;
    Ok(())
}

/// The last number of a server; 0: none yet.
///
/// # Errors
/// When the database fails.
pub async fn last_number(db: &Db, server: InstanceId) -> Result<u64> {
    const LAST: &str = "SELECT COALESCE(MAX(number), 0) AS number FROM log_record WHERE server = $1";
    let last: Vec<Number> = db.log_all("find the last log record", LAST, args![server]).await?;
    Ok(last.first().map_or(0, |n| u64::try_from(n.number).unwrap_or_default()))
}

record!(
    /// The numbers that a server's log holds; 0: none.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Span {
        /// The oldest.
        pub first: i64,
        /// The newest.
        pub last: i64,
    }
);

/// The first and the last number of a server.
///
/// # Errors
/// When the database fails.
pub async fn span(db: &Db, server: InstanceId) -> Result<Span> {
    const SPAN: &str = "SELECT COALESCE((SELECT MIN(number) FROM log_record WHERE server = $1), 0) AS first, \
         COALESCE((SELECT MAX(number) FROM log_record WHERE server = $1), 0) AS last";
    let span: Vec<Span> = db.log_all("find the ends of the log", SPAN, args![server]).await?;
    Ok(span.first().copied().unwrap_or(Span { first: 0, last: 0 }))
}

/// The number of a server's first record of a time or later. None: everything is older.
///
/// # Errors
/// When the database fails.
pub async fn first_since(db: &Db, server: InstanceId, at: Timestamp) -> Result<Option<u64>> {
    let first: Vec<Number> = db.log_all("find the log of a time", FIRST, args![server, at]).await?;
    Ok(first.first().map(|n| u64::try_from(n.number).unwrap_or_default()))
}

/// Records that match, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn tail(db: &Db, filter: &LogFilter) -> Result<Vec<LogRecord>> {
    let (sql, args) = statement(filter, few(db, filter).await?, looked_through(db, filter).await?);
    let mut records: Vec<LogRecord> = db.log_all("read the log", sql, args).await?;
    if filter.after.is_none() {
        records.reverse();
    }
    Ok(records)
}

/// The number from which on a text too short for an index is looked for.
async fn looked_through(db: &Db, filter: &LogFilter) -> Result<Option<u64>> {
    let is_short = filter.text.as_deref().is_some_and(|text| (1..3).contains(&text.chars().count()));
    let is_placed =
        filter.after.is_some() || filter.job.is_some() || filter.package.is_some() || filter.bulletin.is_some();
    let Some(server) = filter.server.filter(|_| is_short && !is_placed) else { return Ok(None) };
    // Numbers have gaps.
    const FROM: &str = "SELECT COALESCE(MIN(number), 0) AS number FROM (SELECT number FROM log_record \
         WHERE server = $1 AND number < $2 ORDER BY number DESC LIMIT $3) AS newest";
    let before = filter.before.unwrap_or(u64::MAX);
    let from: Vec<Number> =
        db.log_all("find the place in the log", FROM, args![server, before, LOOKED_THROUGH]).await?;
    Ok(from.first().map(|from| u64::try_from(from.number).unwrap_or_default()))
}

fn statement(filter: &LogFilter, few: Option<String>, from: Option<u64>) -> (Sql, Vec<Value>) {
    let mut sql = Builder::new("SELECT * FROM log_record WHERE 1 = 1");
    // What the text index names is fetched and sorted: what is no plain column is looked up in no other index.
    let few_are_named = few.is_some();
    if let Some(server) = filter.server {
        sql.push(if few_are_named { " AND server || '' = " } else { " AND server = " }, server);
    }
    if let Some(after) = filter.after {
        sql.push(if few_are_named { " AND number + 0 > " } else { " AND number > " }, after);
    }
    if let Some(before) = filter.before {
        sql.push(if few_are_named { " AND number + 0 < " } else { " AND number < " }, before);
    }
    if let Some(from) = from {
        sql.push(" AND number >= ", from);
    }
    let is_grave = filter.max_level.is_some_and(|level| level <= 2);
    if let Some(job) = filter.job {
        sql.push(
            match (few_are_named, is_grave) {
                (true, _) => " AND job_id || '' = ",
                // In the words of the index of a job's grave records.
                (false, true) => " AND job_id IS NOT NULL AND COALESCE(job_id, '') = ",
                (false, false) => " AND job_id = ",
            },
            job,
        );
    }
    if let Some(package) = filter.package {
        sql.push(if few_are_named { " AND package_id || '' = " } else { " AND package_id = " }, package);
    }
    if let Some(bulletin) = filter.bulletin {
        sql.push(if few_are_named { " AND bulletin_id || '' = " } else { " AND bulletin_id = " }, bulletin);
    }
    if let Some(level) = filter.max_level {
        if is_grave {
            // In the words of the index of grave records.
            sql.text(" AND level <= 2");
        }
        sql.push(" AND level <= ", level);
    }
    if let Some(text) = &filter.text {
        sql.push(concat!(" AND ", told!(), " LIKE "), like_ascii(text)).text(" ESCAPE '!'");
    }
    if let Some(trigrams) = few {
        sql.push(" AND rowid IN (SELECT rowid FROM log_text WHERE log_text MATCH ", trigrams).text(")");
    }
    let follow = filter.after.is_some();
    sql.text(match (follow, filter.server) {
        (true, _) if few_are_named => " ORDER BY number + 0",
        (true, _) => " ORDER BY number",
        (false, Some(_)) if few_are_named => " ORDER BY number + 0 DESC",
        (false, Some(_)) => " ORDER BY number DESC",
        (false, None) => " ORDER BY at DESC, server, number DESC",
    });
    sql.push(" LIMIT ", filter.limit.clamp(1, 10_000));
    sql.build()
}

/// What the text index is asked, where it names few records; else going through the newest ones fills the page sooner.
async fn few(db: &Db, filter: &LogFilter) -> Result<Option<String>> {
    const COUNT: &str = "SELECT COUNT(*) AS number FROM (SELECT rowid FROM log_text WHERE log_text MATCH $1 LIMIT $2)";
    let Some(trigrams) = filter.text.as_deref().and_then(|text| search::sqlite::trigrams([ascii_folded(text)])) else {
        return Ok(None);
    };
    if db.logs().is_none() || !is_indexed(db).await? {
        return Ok(None);
    }
    let of_one = filter.job.is_some() || filter.package.is_some() || filter.bulletin.is_some();
    let few = if of_one { FEW_OF_ONE } else { FEW };
    let named: Vec<Number> =
        db.log_all("look into the text index of the log", COUNT, args![&trigrams, few + 1]).await?;
    Ok(named.first().is_some_and(|named| named.number <= few).then_some(trigrams))
}

/// Whether the text index of `log.db` has every record: one of a file from before it is taken in later.
async fn is_indexed(db: &Db) -> Result<bool> {
    const LEFT: &str =
        concat!("SELECT CASE WHEN (SELECT MIN(rowid) FROM log_record) < ", indexed!(), " THEN 1 ELSE 0 END AS number");
    let left: Vec<Number> = db.log_all("look how far the text index of the log is", LEFT, args![]).await?;
    Ok(left.first().is_none_or(|left| left.number == 0))
}

/// Takes the next records of a file from before the text index into it, the newest first, so that the start need not wait
/// for it. Returns whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn index_older(db: &Db) -> Result<bool> {
    const TAKE: &str = concat!(
        "INSERT INTO log_text (rowid, text) SELECT rowid, ",
        told!(),
        " FROM log_record WHERE rowid < ",
        indexed!(),
        " AND rowid >= (SELECT MIN(rowid) FROM (SELECT rowid FROM log_record WHERE rowid < ",
        indexed!(),
        " ORDER BY rowid DESC LIMIT $1)) ORDER BY rowid"
    );
    if db.logs().is_none() || is_indexed(db).await? {
        return Ok(false);
    }
    let taken = db.log_run("take older records into the text index", TAKE, args![BATCH]).await?;
    Ok(taken > 0)
}

/// The packages that the newest records about a bulletin name, also those that are deleted by now.
///
/// # Errors
/// When the database fails.
pub async fn packages_of(db: &Db, bulletin: BulletinId) -> Result<Vec<PackageId>> {
    let named: Vec<Named> = db.log_all("find packages in the log", PACKAGES_OF, args![bulletin]).await?;
    Ok(named.into_iter().map(|row| row.package_id).collect())
}

/// By the index of bulletins; so many records of one are enough.
const PACKAGES_OF: &str = "SELECT DISTINCT package_id FROM (SELECT package_id FROM log_record WHERE bulletin_id = $1 \
     ORDER BY number DESC LIMIT 1000) AS newest WHERE package_id IS NOT NULL";

/// Deletes records older than a time, and the oldest beyond about `max_bytes` in all. Returns how many went.
///
/// # Errors
/// When the database fails.
pub async fn prune(db: &Db, before: Timestamp, max_bytes: u64) -> Result<u64> {
    const WHAT: &str = "delete old log records";
    const OLD: &str = "DELETE FROM log_record WHERE at < $1";
    const COUNT: &str = "SELECT COUNT(*) AS number FROM log_record";
    const CUT: &str = "SELECT at AS number FROM log_record ORDER BY at DESC LIMIT 1 OFFSET $1";
    let mut gone = db.log_run(WHAT, OLD, args![before]).await?;
    let count = db.log_all::<Number>(WHAT, COUNT, args![]).await?.first().map_or(0, |n| n.number);
    let bytes = db.log_bytes().await?;
    if bytes > max_bytes && count > 0 {
        // Rows are about alike: keep the newest share that fits.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate")]
        let keep = (count as f64 * max_bytes as f64 / bytes as f64) as i64;
        if let Some(cut) = db.log_all::<Number>(WHAT, CUT, args![keep]).await?.first() {
            gone += db.log_run(WHAT, "DELETE FROM log_record WHERE at <= $1", args![cut.number]).await?;
        }
    }
    Ok(gone)
}

impl Db {
    async fn log_all<T: Record>(&self, what: &'static str, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Vec<T>> {
        let Some(logs) = self.logs() else { return self.all(what, sql, args).await };
        let mut found = Vec::new();
        let mut reader = logs.reader().await?;
        Connection::Sqlite(&mut reader).each(what, sql.into(), args, |row| found.push(row)).await?;
        Ok(found)
    }

    async fn log_run(&self, what: &'static str, sql: impl Into<Sql>, args: Vec<Value>) -> Result<u64> {
        if let Some(logs) = self.logs() {
            return logs.writer().await?.connection()?.run(what, sql.into(), args).await;
        }
        let Backend::Postgres(pool) = self.backend() else { return Ok(0) };
        let mut connection = pool.acquire().await.map_err(|e| DbError::query(what, e))?;
        Connection::Postgres(&mut connection).run(what, sql.into(), args).await
    }

    /// Bytes that the log takes, without what was deleted from it.
    async fn log_bytes(&self) -> Result<u64> {
        const SQLITE: &str = "SELECT (p.page_count - f.freelist_count) * s.page_size AS number \
             FROM pragma_page_count AS p, pragma_freelist_count AS f, pragma_page_size AS s";
        const POSTGRES: &str = "SELECT pg_total_relation_size('log_record') AS number";
        let sql = if self.logs().is_some() { SQLITE } else { POSTGRES };
        let found: Vec<Number> = self.log_all("measure the log", sql, args![]).await?;
        Ok(found.first().map_or(0, |n| u64::try_from(n.number).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sql::record;

    record!(
        struct Step {
            detail: String,
        }
    );

    async fn plan(db: &Db, sql: Sql, args: Vec<Value>) -> String {
        let explain = match sql {
            Sql::Const(text) => Sql::Built(format!("EXPLAIN QUERY PLAN {text}")),
            Sql::Built(text) => Sql::Built(format!("EXPLAIN QUERY PLAN {text}")),
        };
        let steps: Vec<Step> = db.log_all("explain a statement", explain, args).await.unwrap();
        steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn no_page_of_the_log_sorts_or_reads_the_whole_of_it() {
        let (db, _folder) = crate::plan::database().await;
        let server = InstanceId::new();
        let any = LogFilter { server: Some(server), limit: 100, ..LogFilter::default() };
        let pages = [
            (LogFilter { before: Some(900_000), ..any.clone() }, "server=? AND number<?"),
            (LogFilter { after: Some(900_000), ..any.clone() }, "server=? AND number>?"),
            (LogFilter { before: Some(9), max_level: Some(1), ..any.clone() }, "log_record_grave"),
            (LogFilter { before: Some(9), job: Some(JobId::new()), ..any.clone() }, "log_record_job"),
            (
                LogFilter { before: Some(9), job: Some(JobId::new()), max_level: Some(2), ..any.clone() },
                "log_record_job_grave",
            ),
            (LogFilter { before: Some(9), package: Some(PackageId::new()), ..any.clone() }, "log_record_package"),
            (LogFilter { before: Some(9), bulletin: Some(BulletinId::new()), ..any.clone() }, "log_record_bulletin"),
        ];
        for (filter, by) in pages {
            let (sql, args) = statement(&filter, None, None);
            let plan = plan(&db, sql, args).await;
            assert!(plan.contains(by) && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
        }
        // What the text index names is sorted, and nothing else is read.
        let named = [
            LogFilter { before: Some(9), ..any.clone() },
            LogFilter { after: Some(9), ..any.clone() },
            LogFilter { job: Some(JobId::new()), ..any.clone() },
            LogFilter { package: Some(PackageId::new()), bulletin: Some(BulletinId::new()), ..any.clone() },
            any,
            LogFilter::default(),
        ];
        for filter in named {
            let (sql, args) = statement(&filter, Some("\"abc\"".into()), None);
            let plan = plan(&db, sql, args).await;
            assert!(plan.starts_with("SEARCH log_record USING INTEGER PRIMARY KEY (rowid=?)"), "{filter:?}: {plan}");
        }
        let plan = plan(&db, Sql::Const(FIRST), args![server, Timestamp::UNIX_EPOCH]).await;
        assert!(plan.contains("log_record_at (at>?)") && !plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[tokio::test]
    async fn records_of_a_file_from_before_the_text_index_are_taken_into_it_after_the_start() {
        let (db, _folder) = crate::plan::database().await;
        let server = InstanceId::new();
        let record = |number: u64| LogRecord {
            server,
            number,
            at: Timestamp::UNIX_EPOCH,
            level: 3,
            target: "patchwharf".into(),
            message: format!("hay {number}"),
            job_id: None,
            package_id: None,
            bulletin_id: None,
            fields: if number == 7 { r#"{"error":"a needle"}"#.into() } else { "{}".into() },
        };
        append(&db, &(1..=5_000).map(record).collect::<Vec<_>>()).await.unwrap();
        // As a program wrote it that knew no such index; one record came since.
        db.log_run("forget the index", "INSERT INTO log_text (log_text) VALUES ('delete-all')", args![]).await.unwrap();
        append(&db, &[record(5_001)]).await.unwrap();
        let filter =
            LogFilter { server: Some(server), text: Some("error=a needle".into()), limit: 9, ..LogFilter::default() };
        let found = async || tail(&db, &filter).await.unwrap().iter().map(|record| record.number).collect::<Vec<_>>();
        assert_eq!(
            (few(&db, &filter).await.unwrap(), found().await),
            (None, vec![7]),
            "found without it, by reading all"
        );
        assert_eq!(prune(&db, Timestamp::MIN, u64::MAX).await.unwrap(), 0);
        let mut batches = 0;
        while index_older(&db).await.unwrap() {
            batches += 1;
        }
        assert_eq!(batches, 3, "so many at a time");
        assert!(few(&db, &filter).await.unwrap().is_some(), "the index knows all");
        assert_eq!(found().await, [7]);
        // What is not in it, and what is, can go.
        db.log_run("forget the index", "INSERT INTO log_text (log_text) VALUES ('delete-all')", args![]).await.unwrap();
        append(&db, &[record(5_002)]).await.unwrap();
        assert_eq!(prune(&db, Timestamp::MAX, u64::MAX).await.unwrap(), 5_002);
    }
}
