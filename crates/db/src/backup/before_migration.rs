//! The copy that is made by itself before a database is migrated.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use crate::{Db, DbError, Result, open::Backend, open::Options};

/// Copies that are kept; the oldest go.
const KEEP: usize = 5;
/// A copy of the same version that is not older than this serves: a start that fails again and again makes no more. Not
/// longer, for after a way back to the older program there is something new to copy.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Room that is left beside a copy.
const RESERVE_BYTES: u64 = 64 << 20;

/// Copies a database that is about to be migrated to `newest`, unless it was told to go on without.
///
/// # Errors
/// The copy cannot be made; the text says how to go on without.
pub(crate) async fn before_migration(db: &Db, options: &Options, newest: i64, now: Timestamp) -> Result<()> {
    let Some(folder) = folder_of(db, options) else { return Ok(()) };
    if options.migrate_without_backup {
        tracing::warn!("the database is migrated to version {newest} without a copy, as was asked for");
        return Ok(());
    }
    let ending = if db.is_shared() { "dump" } else { "db" };
    let file = folder.join(format!("before-{newest:04}-{}.{ending}", now.strftime("%Y%m%dT%H%M%SZ")));
    let made = async {
        prepare(db, &folder).map_err(|e| super::failed(&file, "its folder cannot be used").with(e))?;
        if let Some(fresh) =
            copies(&folder).into_iter().find(|(_, of, at)| *of == newest && now.duration_since(*at) < FRESH)
        {
            tracing::info!("the copy {} was made a moment ago and serves", fresh.0.display());
            return Ok::<(), DbError>(());
        }
        db.copy_into(&file).await.map(drop)?;
        tracing::info!("the database was copied to {} before it is migrated to version {newest}", file.display());
        Ok(())
    };
    if let Err(error) = made.await {
        return Err(DbError::Open {
            url: crate::postgres::without_password(&options.url),
            reason: format!(
                "it is to be migrated to version {newest} and could not be copied before; nothing was changed. Mend what is \
                 said here, or start once with `serve --migrate-without-backup`"
            ),
            source: Some(Box::new(error)),
        });
    }
    prune(&folder);
    Ok(())
}

/// Beside the SQLite file, unless another place was named.
fn folder_of(db: &Db, options: &Options) -> Option<PathBuf> {
    let beside = match db.backend() {
        Backend::Sqlite(sqlite) => Some(sqlite.path.with_file_name("backups")),
        Backend::Postgres(_) => None,
    };
    options.backups.clone().or(beside)
}

/// Makes the folder and looks whether an SQLite file of this size has room there.
fn prepare(db: &Db, folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let Backend::Sqlite(sqlite) = db.backend() else { return Ok(()) };
    let size = fs::metadata(&sqlite.path)?.len();
    let space = rustix::fs::statvfs(folder)?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if free < size.saturating_add(RESERVE_BYTES) {
        let text = format!("{free} bytes are free there, {size} and {RESERVE_BYTES} of reserve are needed");
        return Err(io::Error::new(io::ErrorKind::StorageFull, text));
    }
    Ok(())
}

/// Copies in the folder: path, version, when.
fn copies(folder: &Path) -> Vec<(PathBuf, i64, Timestamp)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut copies: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (number, rest) = name.strip_prefix("before-")?.split_once('-')?;
            let (at, _) = rest.split_once('.')?;
            Some((entry.path(), number.parse().ok()?, at.parse().ok()?))
        })
        .collect();
    copies.sort_by_key(|copy| copy.2);
    copies
}

fn prune(folder: &Path) {
    let copies = copies(folder);
    let old = copies.len().saturating_sub(KEEP);
    for (path, ..) in copies.into_iter().take(old) {
        match fs::remove_file(&path) {
            Ok(()) => tracing::info!("the old copy {} was removed; {KEEP} are kept", path.display()),
            Err(error) => tracing::warn!(%error, "the old copy {} could not be removed", path.display()),
        }
    }
}
