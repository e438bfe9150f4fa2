//! Reading the database: read-only, in one transaction, on SQLite and PostgreSQL.

use std::str::FromStr;

use sqlx::{
    ConnectOptions, Connection, Executor, FromRow, PgConnection, SqliteConnection,
    postgres::PgRow,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use crate::{
    CheckError,
    facts::{
        Audit, AuditHead, AuditSeal, Bulletin, BulletinCount, BulletinRevision, Facts, Feed, File, Finding, Job,
        JobItem, Location, Original, Package, Policy, PolicyUpdate, Proof, UpdateRevision, Version,
    },
};

enum Source {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

fn failed(action: &'static str) -> impl FnOnce(sqlx::Error) -> CheckError {
    move |source| CheckError::Database { action, source }
}

impl Source {
    async fn open(url: &str) -> Result<Self, CheckError> {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url).map_err(failed("open"))?.read_only(true);
            let mut connection = options.connect().await.map_err(failed("open"))?;
            connection.execute("BEGIN").await.map_err(failed("begin"))?;
            Ok(Self::Sqlite(connection))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let mut connection = PgConnection::connect(url).await.map_err(failed("connect"))?;
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            connection.execute(begin).await.map_err(failed("begin"))?;
            Ok(Self::Postgres(connection))
        } else {
            Err(CheckError::Url { url: url.to_owned() })
        }
    }

    async fn rows<T>(&mut self, sql: &'static str) -> Result<Vec<T>, CheckError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let rows = match self {
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await,
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await,
        };
        rows.map_err(failed(sql))
    }

    /// What SQLite says of its own pages and references; PostgreSQL looks after itself.
    async fn damage(&mut self) -> Result<Vec<String>, CheckError> {
        let Self::Sqlite(connection) = self else { return Ok(Vec::new()) };
        let sql = "PRAGMA integrity_check(20)";
        let mut lines: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *connection).await.map_err(failed(sql))?;
        lines.retain(|line| line != "ok");
        let sql = "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' names a missing ' || parent FROM pragma_foreign_key_check";
        let dangling: Vec<String> = sqlx::query_scalar(sql).fetch_all(connection).await.map_err(failed(sql))?;
        lines.extend(dangling);
        Ok(lines)
    }

    /// Revisions that the text indexes of SQLite and their tables do not both have. PostgreSQL's are indexes like others.
    async fn search(&mut self) -> Result<Vec<String>, CheckError> {
        let Self::Sqlite(connection) = self else { return Ok(Vec::new()) };
        let sql = "SELECT 'bulletin_revision ' || revision_id || ' is not in its text index' FROM bulletin_revision \
             WHERE revision_id NOT IN (SELECT id FROM bulletin_search_docsize) \
             UNION ALL SELECT 'bulletin_search has a row ' || id || ' of no revision' FROM bulletin_search_docsize \
             WHERE id NOT IN (SELECT revision_id FROM bulletin_revision) \
             UNION ALL SELECT 'update_revision ' || revision_id || ' is not in its text index' FROM update_revision \
             WHERE revision_id NOT IN (SELECT id FROM update_search_docsize) \
             UNION ALL SELECT 'update_search has a row ' || id || ' of no revision' FROM update_search_docsize \
             WHERE id NOT IN (SELECT revision_id FROM update_revision) LIMIT 100";
        sqlx::query_scalar(sql).fetch_all(connection).await.map_err(failed(sql))
    }

    /// The keys that servers have noted for each other; only a database that several can share is asked.
    async fn server_keys(&mut self) -> Result<Vec<String>, CheckError> {
        let Self::Postgres(connection) = self else { return Ok(Vec::new()) };
        let sql = "SELECT value FROM setting WHERE name LIKE 'manifest-key %'";
        sqlx::query_scalar(sql).fetch_all(connection).await.map_err(failed(sql))
    }

    async fn close(self) -> Result<(), CheckError> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
        .map_err(failed("close"))
    }
}

/// Reads every row that a rule looks at.
pub(crate) async fn read(url: &str) -> Result<Facts, CheckError> {
    let mut source = Source::open(url).await?;
    let facts = Facts {
        audit: source.rows(Audit::SQL).await?,
        audit_head: source.rows(AuditHead::SQL).await?,
        audit_seals: source.rows(AuditSeal::SQL).await?,
        locations: source.rows(Location::SQL).await?,
        feeds: source.rows(Feed::SQL).await?,
        bulletins: source.rows(Bulletin::SQL).await?,
        bulletin_counts: source.rows(BulletinCount::SQL).await?,
        bulletin_revisions: source.rows(BulletinRevision::SQL).await?,
        update_revisions: source.rows(UpdateRevision::SQL).await?,
        packages: source.rows(Package::SQL).await?,
        versions: source.rows(Version::SQL).await?,
        files: source.rows(File::SQL).await?,
        proofs: source.rows(Proof::SQL).await?,
        originals: source.rows(Original::SQL).await?,
        policies: source.rows(Policy::SQL).await?,
        policy_updates: source.rows(PolicyUpdate::SQL).await?,
        jobs: source.rows(Job::SQL).await?,
        job_items: source.rows(JobItem::SQL).await?,
        findings: source.rows(Finding::SQL).await?,
        server_keys: source.server_keys().await?,
        damage: source.damage().await?,
        search: source.search().await?,
    };
    source.close().await?;
    Ok(facts)
}
