//! The service user: an account that owns the data folder and can do nothing else.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;

use super::{Done, Outcome};

/// User and group id of an account; none: there is no such account.
pub(super) fn ids(name: &str) -> Result<Option<(u32, u32)>> {
    let plain = !name.is_empty()
        && !name.starts_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    ensure!(plain, "{name:?} cannot be the name of a service user; use lower-case letters, digits, - and _");
    let output = Command::new("getent").args(["passwd", name]).stdin(Stdio::null()).output();
    let output = output.context("cannot run getent, which tells whether a user exists")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut fields = text.lines().next().unwrap_or_default().split(':').skip(2);
    let ids = (|| Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?)))();
    Ok(ids)
}

/// Makes the account where it is not there.
pub(super) fn make(name: &str, home: &Utf8Path, dry_run: bool) -> Result<Done> {
    let thing = format!("user {name}");
    if ids(name)?.is_some() {
        return Ok(Done::new(thing, Outcome::There));
    }
    if dry_run {
        return Ok(Done::new(thing, Outcome::WouldMake));
    }
    let output = Command::new("useradd")
        .args(["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"])
        .args(["--comment", "Patchwharf", "--home-dir", home.as_str(), name])
        .stdin(Stdio::null())
        .output();
    let output = output.context("cannot run useradd; make the user by hand and say --no-user")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "useradd did not make the user {name}: {}", said.trim());
    Ok(Done::new(thing, Outcome::Made))
}
