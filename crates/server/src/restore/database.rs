//! The database goes back, and learns where everything is now.

use std::{fs, io};

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::{
    Db, Options, backup, packages,
    packages::{FileResult, Held, Verified, Version},
    restore,
};
use patchwharf_model::{PackageId, Timestamp, package::VersionState};

use super::{Database, Wish, blocking, packages::Placed, source::Source, target::Target};
use crate::{backup::format::Backup, files::sync_folder, words::absolute};

/// Versions in one transaction.
const BATCH: u32 = 500;

/// Where the database goes: of the same kind as it was.
pub(super) fn target(backup: &Backup, wish: &Wish) -> Result<Database> {
    let asked = wish.database.as_deref();
    let server = asked.filter(|url| url.starts_with("postgres://") || url.starts_with("postgresql://"));
    if backup.database_kind == "postgres" {
        let url = server.context(
            "the backup is of a PostgreSQL database: make an empty one on the new server (createdb patchwharf) and name it by \
             --database postgres://user@host/patchwharf",
        )?;
        return Ok(Database::Server(url.to_owned()));
    }
    ensure!(
        server.is_none(),
        "the backup is of an SQLite database, which cannot be put into PostgreSQL; leave --database out"
    );
    let path = match asked {
        None => wish.data.join("patchwharf.db"),
        Some(url) => url.strip_prefix("sqlite://").unwrap_or(url).into(),
    };
    Ok(Database::File(absolute(&path)?))
}

/// Whether it can be put there: never over a database that this restore has not begun itself.
pub(super) async fn look(database: &Database, target: &Target) -> Result<()> {
    if target.has_begun(database) {
        return Ok(());
    }
    match database {
        Database::Server(url) => Ok(backup::must_take_a_copy(url).await?),
        Database::File(path) => {
            ensure!(
                !path.exists(),
                "{path} exists, and a restore never writes over a database: name another place by --database"
            );
            Ok(())
        }
    }
}

/// Puts the copy in its place. What an earlier attempt put there goes.
pub(super) async fn put(database: &Database, source: &Source, target: &Target) -> Result<()> {
    let begun = target.has_begun(database);
    target.begin_database(source, database)?;
    let source = source.clone();
    match database {
        Database::File(path) => {
            let path = path.clone();
            blocking(move || put_file(&source, &path)).await
        }
        Database::Server(url) => {
            let dump = target.data.join(".restored-database");
            let path = dump.clone();
            blocking(move || {
                let _ = fs::remove_file(&path);
                source.write_database(&path)
            })
            .await?;
            let restored = backup::restore_into(url, dump.as_std_path(), begun).await;
            fs::remove_file(&dump).with_context(|| format!("cannot remove {dump}"))?;
            Ok(restored?)
        }
    }
}

fn put_file(source: &Source, path: &Utf8Path) -> Result<()> {
    let part: Utf8PathBuf = format!("{path}.part").into();
    for stale in [format!("{path}-wal"), format!("{path}-shm"), part.to_string()] {
        match fs::remove_file(&stale) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e).context(format!("cannot remove {stale}")),
            _ => {}
        }
    }
    source.write_database(&part)?;
    let named = fs::rename(&part, path).and_then(|()| path.parent().map_or(Ok(()), sync_folder));
    named.with_context(|| format!("cannot put the database back at {path}"))
}

/// Brings the schema up to date, and writes down where every version is. Returns how many are missing now.
pub(super) async fn settle(
    database: &Database,
    target: &Target,
    backup: &Backup,
    placed: &Placed,
    now: Timestamp,
) -> Result<u64> {
    let options = Options {
        log_path: Some(target.data.join("log.db").into()),
        // The backup is the copy.
        migrate_without_backup: true,
        ..Options::new(database.url())
    };
    let db = Db::open(&options, now).await.context("the restored database cannot be opened")?;
    let mut w = db.write("restore", "restore", now).await?;
    restore::rehome(&mut w, backup.default_location, &target.packages).await?;
    w.commit().await?;
    let (mut after, mut missing) = (None, 0);
    loop {
        let versions = packages::by_location(&db, backup.default_location, after, BATCH).await?;
        let Some(last) = versions.last() else { break };
        after = Some((last.package_id, last.version));
        let results = results(&db, versions, placed).await?;
        missing += results.iter().filter(|result| result.state == VersionState::Missing).count() as u64;
        let mut w = db.write("restore", "restore", now).await?;
        packages::put_verified(&mut w, None, now, &results).await?;
        w.commit().await?;
    }
    db.analyze().await?;
    db.close().await;
    Ok(missing)
}

/// What is known of these versions: proved by their placing, or missing.
async fn results(db: &Db, versions: Vec<Version>, placed: &Placed) -> Result<Vec<Verified>> {
    let versions: Vec<Version> = versions
        .into_iter()
        .filter(|v| {
            use VersionState::{Corrupt, Missing, Retired, Staged};
            matches!(v.state, Staged | Corrupt | Missing | Retired)
        })
        .collect();
    let keys: Vec<(PackageId, u64)> = versions.iter().map(|v| (v.package_id, v.version)).collect();
    let lacking = packages::files(db, &keys).await?;
    let result = |v: Version| {
        let held = Held { package_id: v.package_id, version: v.version, token: v.token };
        let key = (v.package_id, v.version);
        match placed.get(&key) {
            Some(files) => {
                let files = files.iter().map(|file| FileResult {
                    name: file.name.clone(),
                    state: VersionState::Staged,
                    reason: String::new(),
                    proof: Some((file.stamp, file.sha256)),
                });
                Verified { held, state: VersionState::Staged, reason: String::new(), files: files.collect() }
            }
            None => {
                let reason = "the backup does not hold it; stage it again".to_owned();
                let files = lacking.iter().filter(|file| (file.package_id, file.version) == key);
                let files = files.map(|file| FileResult {
                    name: file.name.clone(),
                    state: VersionState::Missing,
                    reason: format!("file {}: {reason}", file.name),
                    proof: None,
                });
                Verified { held, state: VersionState::Missing, reason: reason.clone(), files: files.collect() }
            }
        }
    };
    Ok(versions.into_iter().map(result).collect())
}
