//! No server starts on rows that are made only in part: it would take the rest of the store for orphans.
//!
//! The mark is in the data folder, from the first moment on, and in the database, with the first row, for other servers that
//! share it.

use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use camino::Utf8Path;
use patchwharf_db::{Db, Write, settings};

/// In the data folder while a rebuild is not whole.
const UNFINISHED: &str = "rebuild.unfinished";

/// In the database while a rebuild is not whole: by which host.
const MARK: &str = "rebuild-unfinished";

/// Refuses to start a server on a data folder whose rebuild broke off.
///
/// # Errors
/// It did.
pub(crate) fn must_be_finished(data: &Utf8Path) -> Result<()> {
    if data.join(UNFINISHED).exists() {
        bail!("{}", why(&format!("in {data}")));
    }
    Ok(())
}

/// The same for a database that several servers share.
///
/// # Errors
/// It did, or the database failed.
pub(crate) async fn must_be_finished_in(db: &Db) -> Result<()> {
    if let Some(why) = in_database(db).await? {
        bail!("{why}");
    }
    Ok(())
}

/// Why the rows of this database are only a part of what is on disk; none: they are not.
///
/// # Errors
/// The database failed.
pub(crate) async fn in_database(db: &Db) -> patchwharf_db::Result<Option<String>> {
    Ok(settings::get(db, MARK).await?.map(|host| why(&format!("from host {host}"))))
}

fn why(what: &str) -> String {
    format!(
        "a rebuild of the database {what} runs, or broke off: when it does not run, run the same `patchwharf store rebuild` \
         there again, it goes on. Until then the packages that it has not reached would be taken for orphans"
    )
}

pub(super) fn begin(data: &Utf8Path) -> Result<()> {
    let path = data.join(UNFINISHED);
    let write = || fs::File::create(&path)?.sync_all().and_then(|()| sync(data));
    write().with_context(|| format!("cannot write {path}"))
}

/// With the first change of the database.
pub(super) async fn begin_in(w: &mut Write<'_>) -> Result<()> {
    Ok(settings::note(w, MARK, &crate::words::host()).await?)
}

/// With the last one.
pub(super) async fn end_in(w: &mut Write<'_>) -> Result<()> {
    Ok(settings::forget(w, MARK).await?)
}

pub(super) fn end(data: &Utf8Path) -> Result<()> {
    let path = data.join(UNFINISHED);
    fs::remove_file(&path).and_then(|()| sync(data)).with_context(|| format!("cannot remove {path}"))
}

fn sync(data: &Utf8Path) -> io::Result<()> {
    fs::File::open(data)?.sync_all()
}
