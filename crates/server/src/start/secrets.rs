//! Small files that are made once, at the first start: the administrator's token, the instance id; and secrets of one
//! line.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
};

use anyhow::Context as _;
use camino::Utf8Path;

use crate::{app::Secret, files::replace_file};

/// Makes the administrator's token, 256 random bits, where there is none.
pub(crate) fn make_admin_token(path: &Utf8Path) -> anyhow::Result<()> {
    write_once(path, || patchwharf_trust::random_token().map_err(io::Error::other))
        .map(drop)
        .with_context(|| format!("cannot read or make the administrator's token {path}"))
}

/// The administrator's token; refused when others can read its file.
pub(crate) fn read_admin_token(path: &Utf8Path) -> anyhow::Result<Secret> {
    let text = read_secret(path).with_context(|| {
        format!("cannot use the administrator's token {path}; `patchwharf user reset` makes a new one")
    })?;
    anyhow::ensure!(text.len() >= 20, "{path} holds no token; `patchwharf user reset` makes a new one");
    Ok(Secret::new(text))
}

/// A secret of one line in a file that only its owner can read.
pub(crate) fn read_secret(path: &Utf8Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {path}"))?;
    let mode = file.metadata()?.mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "{path} could have been read by others (mode {:04o}); close it (chmod 600 {path}) and put a new secret into it",
        mode & 0o7777
    );
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}

/// Reads a file of one line, or makes it: written aside with mode 0600, made durable, then named.
pub(super) fn write_once(path: &Utf8Path, make: impl FnOnce() -> io::Result<String>) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text.trim().to_owned()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let text = make()?;
    replace_file(path, format!("{text}\n").as_bytes())?;
    Ok(text)
}
