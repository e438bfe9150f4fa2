//! Small files that are made once, at the first start: the administrator's token, the instance id.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
};

use anyhow::Context as _;
use camino::Utf8Path;

use crate::app::Secret;

/// The administrator's token: 256 random bits in `admin.token`, readable by the server's user alone.
pub(super) fn admin_token(data: &Utf8Path) -> anyhow::Result<Secret> {
    let path = data.join("admin.token");
    let text = write_once(&path, || patchwharf_trust::random_token().map_err(io::Error::other))
        .with_context(|| format!("cannot read or make the administrator's token {path}"))?;
    let mode = fs::metadata(&path)?.mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "{path} could have been read by others (mode {:04o}); remove it, and the next start makes a new token",
        mode & 0o7777
    );
    anyhow::ensure!(text.len() >= 20, "{path} holds no token; remove it, and the next start makes a new one");
    Ok(Secret::new(text))
}

/// Reads a file of one line, or makes it: written aside with mode 0600, made durable, then named.
pub(super) fn write_once(path: &Utf8Path, make: impl FnOnce() -> io::Result<String>) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text.trim().to_owned()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let text = make()?;
    let aside = path.with_extension("new");
    let _ = fs::remove_file(&aside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(text)
}
