//! Copying an SQLite file.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::{Copied, blocking, copied, failed};
use crate::{
    Result,
    connection::{Connection, Sql},
    sql::args,
    sqlite::Sqlite,
};

/// Copies into `file`, which must not exist.
pub(super) async fn copy(sqlite: &Sqlite, file: &Path) -> Result<Copied> {
    // SQLite fills an empty file, and so its mode is ours from the first byte on.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.map_err(|e| failed(file, "the file cannot be made").with(e))?;
    let copied = fill(sqlite, file).await;
    if copied.is_err() {
        let _ = std::fs::remove_file(file);
    }
    copied
}

async fn fill(sqlite: &Sqlite, file: &Path) -> Result<Copied> {
    const COPY: &str = "VACUUM INTO $1";
    let mut own = sqlite.own_connection().await?;
    let path = file.to_string_lossy().into_owned();
    Connection::Sqlite(&mut own).run("copy the database", Sql::Const(COPY), args![path]).await?;
    let own = file.to_owned();
    blocking(move || durable(&own)).await.map_err(|e| failed(file, "the copy could not be made durable").with(e))?;
    let mut copy = Sqlite::connect_to_copy(file).await?;
    copied(&mut Connection::Sqlite(&mut copy)).await
}

fn durable(file: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
