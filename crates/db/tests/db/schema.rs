//! The two schemas are twins.

use std::collections::BTreeSet;

use sqlx::Row;

use crate::sandbox::{Sandbox, in_server, server};

/// (table, column, type, not null) of every table that both have. The text index is a virtual table in SQLite, and an
/// index in PostgreSQL.
type Columns = BTreeSet<(String, String, String, bool)>;

async fn of_sqlite(path: &str) -> Columns {
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{path}")).await.unwrap();
    let rows = sqlx::query(
        "SELECT t.name AS tab, c.name AS col, c.type AS typ, c.\"notnull\" AS nn FROM pragma_table_list AS t, \
         pragma_table_info(t.name) AS c WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    rows.iter()
        .map(|r| {
            let typ: String = r.get("typ");
            let typ = if typ == "INTEGER" { "bigint".into() } else { typ.to_lowercase() };
            (r.get("tab"), r.get("col"), typ, r.get::<i64, _>("nn") != 0)
        })
        .collect()
}

#[tokio::test]
async fn both_back_ends_have_the_same_columns() {
    let Some(server) = server() else { return };
    let sqlite = Sandbox::sqlite().await;
    let folder = sqlite.folder.as_ref().unwrap().path().display().to_string();
    let mut here = of_sqlite(&format!("{folder}/patchwharf.db")).await;
    here.extend(of_sqlite(&format!("{folder}/log.db")).await);
    let twin = Sandbox::postgres().await.unwrap();
    let name = twin.url.rsplit_once('/').unwrap().1.to_owned();
    let pool = sqlx::PgPool::connect(&in_server(&server, &name)).await.unwrap();
    let rows = sqlx::query(
        "SELECT table_name::text AS tab, column_name::text AS col, data_type::text AS typ, is_nullable = 'NO' AS nn \
         FROM information_schema.columns WHERE table_schema = 'public'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let there: Columns = rows.iter().map(|r| (r.get("tab"), r.get("col"), r.get("typ"), r.get("nn"))).collect();
    pool.close().await;
    assert!(here.len() > 100);
    let only: Vec<_> = here.symmetric_difference(&there).collect();
    assert!(only.is_empty(), "only one of the two back ends has: {only:#?}");
    twin.close().await;
}
