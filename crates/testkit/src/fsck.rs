//! What the independent checker (`patchwharf fsck`) says of a server's database and disk.

use std::{path::Path, process::Command};

use crate::server::Run;

/// Judges a data folder, whether its server runs or not; empty: every invariant holds. Without a URL the database is the
/// one in the folder.
///
/// `binary` is `env!("CARGO_BIN_EXE_patchwharf")`.
#[must_use]
pub fn fsck(binary: &str, data: &Path, database: Option<&str>) -> String {
    let mut command = Command::new(binary);
    command.env("PATCHWHARF_DATA", data).envs(database.map(|url| ("PATCHWHARF_DATABASE", url)));
    findings(command)
}

/// The same for a program in the environment of its server.
pub(crate) fn findings(mut command: Command) -> String {
    command.arg("fsck").env_remove("PATCHWHARF_FAULT");
    let run = Run::of(command);
    if run.code == Some(0) { String::new() } else { format!("{}{}", run.stdout, run.stderr) }
}
