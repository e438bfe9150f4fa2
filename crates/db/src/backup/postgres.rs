//! Copying a PostgreSQL database with its own `pg_dump`, and filling an empty one with `pg_restore`.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::{Output, Stdio},
};

use sqlx::PgPool;
use tokio::process::Command;

use super::{Copied, blocking, copied, failed};
use crate::{
    DbError, Result,
    connection::Connection,
    postgres::{parts, without_password},
};

const WHAT: &str = "copy the database";

/// Copies into `file`, which must not exist. What is told of the copy is read from the same snapshot.
pub(super) async fn copy(pool: &PgPool, url: &str, file: &Path) -> Result<Copied> {
    // The dump may take longer than a statement or a transaction may usually.
    const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
         SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0";
    let query = |e| DbError::query(WHAT, e);
    let mut transaction = pool.begin_with(BEGIN).await.map_err(query)?;
    let snapshot: String =
        sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut *transaction).await.map_err(query)?;
    let dumped = dump(url, &snapshot, file).await;
    if dumped.is_err() {
        let _ = std::fs::remove_file(file);
    }
    dumped?;
    let copied = copied(&mut Connection::Postgres(&mut transaction)).await?;
    transaction.rollback().await.map_err(query)?;
    Ok(copied)
}

async fn dump(url: &str, snapshot: &str, file: &Path) -> Result<()> {
    let out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let out = out.map_err(|e| failed(file, "the file cannot be made").with(e))?;
    let durable = out.try_clone().map_err(|e| failed(file, "the file cannot be written").with(e))?;
    let mut command = program("pg_dump", url);
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--snapshot", snapshot]).stdout(out);
    let output = run(command).await.map_err(|e| failed(file, not_started("pg_dump", &e)).with(e))?;
    if !output.status.success() {
        return Err(failed(file, format!("pg_dump says: {}", said(&output))).without());
    }
    blocking(move || durable.sync_all()).await.map_err(|e| failed(file, "the copy could not be made durable").with(e))
}

/// Fills an empty database from a copy. `again`: what an earlier attempt has left there goes first.
///
/// # Errors
/// `pg_restore` is not there, or refuses; the database is not reached, or is not empty.
pub async fn restore_into(url: &str, file: &Path, again: bool) -> Result<()> {
    if !again {
        must_take_a_copy(url).await?;
    }
    let input = File::open(file).map_err(|e| failed(file, "it cannot be read").with(e))?;
    let mut command = program("pg_restore", url);
    command.args(["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]).stdin(input);
    command.arg("--dbname").arg(parts(url).address);
    if again {
        command.args(["--clean", "--if-exists"]);
    }
    let output = run(command).await.map_err(|e| failed(file, not_started("pg_restore", &e)).with(e))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(file, format!("pg_restore says: {}", said(&output))).without()),
    }
}

/// Sees that a copy can be put into a database: `pg_restore` is there, and the database is reached and empty.
///
/// # Errors
/// One of these is not so.
pub async fn must_take_a_copy(url: &str) -> Result<()> {
    const TABLES: &str = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'public'";
    let open = |reason: String, source| DbError::Open { url: without_password(url), reason, source };
    let mut version = program("pg_restore", url);
    version.arg("--version");
    run(version).await.map_err(|e| open(not_started("pg_restore", &e), Some(e.into())))?;
    let pool = crate::postgres::open(url, 2).await?;
    let tables: i64 =
        sqlx::query_scalar(TABLES).fetch_one(&pool).await.map_err(|e| DbError::query("look into the database", e))?;
    pool.close().await;
    match tables {
        0 => Ok(()),
        _ => Err(open(
            format!("it holds {tables} tables, and a restore needs an empty database: make one (createdb) and name it"),
            None,
        )),
    }
}

/// A program of PostgreSQL's, with the password where nobody can see it: `ps` shows arguments to everybody.
fn program(name: &str, url: &str) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env("PGAPPNAME", "patchwharf").env("PGCONNECT_TIMEOUT", "10");
    let parts = parts(url);
    if let Some(password) = parts.password {
        command.env("PGPASSWORD", password);
    }
    if name == "pg_dump" {
        command.arg("--dbname").arg(parts.address);
    }
    command
}

/// Not `output`, which would take the program's output away from the file that it goes to.
async fn run(mut command: Command) -> io::Result<Output> {
    command.spawn()?.wait_with_output().await
}

fn not_started(name: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            format!("{name} is not installed here: install PostgreSQL's client programs (Debian: postgresql-client)")
        }
        _ => format!("{name} cannot be started"),
    }
}

/// The last words of a program.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().rev().take(4).collect();
    let words = lines.into_iter().rev().collect::<Vec<_>>().join("; ");
    if words.is_empty() { output.status.to_string() } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w_19_no_password_stands_where_others_can_read_it() {
        let url = "postgres://user:se%40cret@host:5433/name?sslmode=require&statement-cache-capacity=0";
        assert_eq!(parts(url).address, "postgres://user@host:5433/name?sslmode=require");
        let command = program("pg_dump", url);
        assert!(command.as_std().get_args().all(|argument| !argument.to_string_lossy().contains("cret")));
        let password = command.as_std().get_envs().find(|(name, _)| *name == "PGPASSWORD");
        assert_eq!(password.and_then(|(_, value)| value), Some(std::ffi::OsStr::new("se@cret")));
    }
}
