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
/// What a copy that is not whole begins with.
const ASIDE: char = '.';
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
        // One of a time to come was made by a clock that ran ahead: nobody knows how old it is.
        let is_fresh = |at: Timestamp| at <= now && now.duration_since(at) < FRESH;
        if let Some(fresh) = copies(&folder).into_iter().find(|(_, of, at)| *of == newest && is_fresh(*at)) {
            tracing::info!("the copy {} was made a moment ago and serves", fresh.0.display());
            return Ok::<(), DbError>(());
        }
        whole(db, &file).await?;
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
    prune(&folder, &file);
    Ok(())
}

/// Copies into a file that has its name only when it is whole and durable: what was cut off counts as no copy.
async fn whole(db: &Db, file: &Path) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let aside = file.with_file_name(format!("{ASIDE}{name}"));
    db.copy_into(&aside).await?;
    let (from, to) = (aside, file.to_owned());
    let named = super::blocking(move || {
        fs::rename(&from, &to)?;
        to.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    });
    named.await.map_err(|e| super::failed(file, "the copy could not be given its name").with(e))
}

/// Beside the SQLite file, unless another place was named.
fn folder_of(db: &Db, options: &Options) -> Option<PathBuf> {
    let beside = match db.backend() {
        Backend::Sqlite(sqlite) => Some(sqlite.path.with_file_name("backups")),
        Backend::Postgres(_) => None,
    };
    options.backups.clone().or(beside)
}

/// Makes the folder, removes what was cut off there, and looks whether an SQLite file of this size has room.
fn prepare(db: &Db, folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().strip_prefix(ASIDE).is_some_and(|name| parsed(name).is_some()) {
            fs::remove_file(entry.path())?;
        }
    }
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

/// Copies in the folder, oldest first: path, version, when. Versions only rise, whatever a clock says.
fn copies(folder: &Path) -> Vec<(PathBuf, i64, Timestamp)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut copies: Vec<_> = entries
        .filter_map(|entry| {
            let (number, at) = parsed(&entry.file_name().into_string().ok()?)?;
            Some((entry.path(), number, at))
        })
        .collect();
    copies.sort_by_key(|copy| (copy.1, copy.2));
    copies
}

/// What the name of a copy says: `before-0006-20261122T104519Z.db`.
fn parsed(name: &str) -> Option<(i64, Timestamp)> {
    let (number, rest) = name.strip_prefix("before-")?.split_once('-')?;
    let (at, _) = rest.split_once('.')?;
    Some((number.parse().ok()?, at.parse().ok()?))
}

/// Removes the oldest, never the one that was just made.
fn prune(folder: &Path, newest: &Path) {
    let copies = copies(folder);
    let old = copies.len().saturating_sub(KEEP);
    for (path, ..) in copies.into_iter().take(old).filter(|(path, ..)| path != newest) {
        match fs::remove_file(&path) {
            Ok(()) => tracing::info!("the old copy {} was removed; {KEEP} are kept", path.display()),
            Err(error) => tracing::warn!(%error, "the old copy {} could not be removed", path.display()),
        }
    }
}
