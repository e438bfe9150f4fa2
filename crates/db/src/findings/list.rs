//! Reading a check's report.

use patchwharf_model::{
    JobId, PackageId,
    finding::{Finding, FindingKind, Gravity, Outcome},
};

use super::Row;
use crate::{
    Db, Page, Result,
    page::Cursor,
    sql::{Builder, args, like_ascii, record},
};

record!(
    struct Count {
        kind: FindingKind,
        outcome: Outcome,
        number: u64,
    }
);

/// Which findings of a job. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct FindingQuery {
    /// Of these kinds.
    pub kinds: Vec<FindingKind>,
    /// As bad as these.
    pub gravities: Vec<Gravity>,
    /// With these outcomes.
    pub outcomes: Vec<Outcome>,
    /// Of this package.
    pub package: Option<PackageId>,
    /// Text in path, bulletin or update, in any case.
    pub text: Option<String>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    pub limit: u32,
    /// Whether to count all matches.
    pub with_total: bool,
}

fn narrow(sql: &mut Builder, query: &FindingQuery) {
    macro_rules! one_of {
        ($column:literal, $values:expr) => {
            if !$values.is_empty() {
                sql.text(concat!(" AND ", $column, " IN (''"));
                for value in &$values {
                    sql.push(", ", value.as_str());
                }
                sql.text(")");
            }
        };
    }
    one_of!("kind", query.kinds);
    one_of!("gravity", query.gravities);
    one_of!("outcome", query.outcomes);
    if let Some(package) = query.package {
        sql.push(" AND package_id = ", package);
    }
    for word in query.text.iter().flat_map(|text| text.split_whitespace()).take(16) {
        sql.push(" AND LOWER(path || ' ' || bulletin || ' ' || update_key) LIKE ", like_ascii(word));
        sql.text(" ESCAPE '!'");
    }
}

/// A page of a job's findings, worst first.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, job: JobId, query: &FindingQuery) -> Result<Page<Finding>> {
    const WHAT: &str = "list the findings of a check";
    let limit = query.limit.clamp(1, 1000);
    let total = match query.with_total {
        false => None,
        true => {
            let mut sql = Builder::new("SELECT COUNT(*) AS number FROM finding WHERE job_id = ");
            sql.push("", job);
            narrow(&mut sql, query);
            let (sql, args) = sql.build();
            let number: Option<crate::sql::Number> = db.first(WHAT, sql, args).await?;
            number.map(|n| u64::try_from(n.number).unwrap_or_default())
        }
    };
    let mut sql = Builder::new("SELECT * FROM finding WHERE job_id = ");
    sql.push("", job);
    narrow(&mut sql, query);
    if let Some(text) = &query.cursor {
        let cursor = Cursor::decode(text)?;
        sql.push(" AND (rank, finding_key) > (", cursor.number()?).push(", ", cursor.id).text(")");
    }
    sql.text(" ORDER BY rank, finding_key").push(" LIMIT ", limit + 1);
    let (sql, args) = sql.build();
    let found: Vec<Row> = db.all(WHAT, sql, args).await?;
    let page = Page::cut(found, limit, total, |row: &Row| Cursor::of_number(row.1.kind.rank().into(), &row.0));
    Ok(Page { rows: page.rows.into_iter().map(|row| row.1).collect(), next: page.next, total: page.total })
}

/// How many findings a job has, by kind and outcome; worst first.
///
/// # Errors
/// When the database fails.
pub async fn counts(db: &Db, job: JobId) -> Result<Vec<(FindingKind, Outcome, u64)>> {
    const COUNTS: &str = "SELECT kind, outcome, COUNT(*) AS number FROM finding WHERE job_id = $1 \
         GROUP BY rank, kind, outcome ORDER BY rank, outcome";
    let counts: Vec<Count> = db.all("count the findings of a check", COUNTS, args![job]).await?;
    Ok(counts.into_iter().map(|row| (row.kind, row.outcome, row.number)).collect())
}

/// The findings of a job that are still there, with their keys.
///
/// # Errors
/// When the database fails.
pub async fn remaining(db: &Db, job: JobId) -> Result<Vec<(String, Finding)>> {
    const LEFT: &str = "SELECT * FROM finding WHERE job_id = $1 \
         AND outcome IN ('open', 'planned', 'ordered', 'stays') ORDER BY rank, finding_key";
    let found: Vec<Row> = db.all("read what a check has left", LEFT, args![job]).await?;
    Ok(found.into_iter().map(|row| (row.0, row.1)).collect())
}
