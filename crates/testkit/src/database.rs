//! Damage to a SQLite file, as a disk does it.

use std::{fs::OpenOptions, os::unix::fs::FileExt as _, path::Path};

use sqlx::{Connection as _, Row as _, SqliteConnection};

const PAGE_BYTES: usize = 4096;

/// Overwrites the first page of a table with rubbish.
///
/// # Panics
/// When there is no such database or table.
pub async fn damage_table(database: &Path, table: &str) {
    let url = format!("sqlite://{}", database.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let find = sqlx::query("SELECT rootpage FROM sqlite_schema WHERE name = $1").bind(table);
    let page: i64 = find.fetch_one(&mut connection).await.unwrap().get(0);
    connection.close().await.unwrap();
    let offset = (u64::try_from(page).unwrap() - 1) * PAGE_BYTES as u64;
    let file = OpenOptions::new().write(true).open(database).unwrap();
    file.write_all_at(&[0x5a; PAGE_BYTES], offset).unwrap();
}
