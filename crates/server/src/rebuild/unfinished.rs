//! No server starts on rows that are made only in part: it would take the rest of the store for orphans.

use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use camino::Utf8Path;

/// In the data folder while a rebuild is not whole.
const UNFINISHED: &str = "rebuild.unfinished";

/// Refuses to start a server on a data folder whose rebuild broke off.
///
/// # Errors
/// It did.
pub(crate) fn must_be_finished(data: &Utf8Path) -> Result<()> {
    if data.join(UNFINISHED).exists() {
        bail!(
            "a rebuild of the database in {data} broke off: run the same `patchwharf store rebuild` again, it goes on. \
             Until then the packages that it has not reached would be taken for orphans"
        );
    }
    Ok(())
}

pub(super) fn begin(data: &Utf8Path) -> Result<()> {
    let path = data.join(UNFINISHED);
    let write = || fs::File::create(&path)?.sync_all().and_then(|()| sync(data));
    write().with_context(|| format!("cannot write {path}"))
}

pub(super) fn end(data: &Utf8Path) -> Result<()> {
    let path = data.join(UNFINISHED);
    fs::remove_file(&path).and_then(|()| sync(data)).with_context(|| format!("cannot remove {path}"))
}

fn sync(data: &Utf8Path) -> io::Result<()> {
    fs::File::open(data)?.sync_all()
}
