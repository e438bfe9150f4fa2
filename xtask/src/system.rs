//! Programs of the system that the tests need.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::command::{find, must};

/// (program, Debian package, what misses it).
const NEEDED: [(&str, &str, &str); 20] = [
    ("postgres", "postgresql", "every database and server test on PostgreSQL"),
    ("mkfs.xfs", "xfsprogs", "power cuts on XFS"),
    ("mkfs.ext4", "e2fsprogs", "power cuts on ext4"),
    ("losetup", "mount", "power cuts on loop devices"),
    ("qemu-nbd", "qemu-utils", "crashes replayed from recorded writes"),
    ("nbdfuse", "libnbd-bin", "crashes replayed from recorded writes"),
    ("sqlite3", "sqlite3", "a database that another program holds"),
    ("strace", "strace", "injected system call errors"),
    ("gpgv", "gpgv", "the second opinion on OpenPGP signatures"),
    ("cabextract", "cabextract", "the second opinion on cabinets"),
    ("gcab", "gcab", "cabinets that others made"),
    ("xmllint", "libxml2-utils", "the second opinion on catalogues"),
    ("curl", "curl", "downloads by another client"),
    ("openssl", "openssl", "TLS by another server"),
    ("faketime", "faketime", "jumps of the clock"),
    ("systemd-analyze", "systemd", "the check of the systemd unit"),
    ("apt-get", "apt", "reading our repositories with apt itself"),
    ("chromium", "chromium", "journeys through the console"),
    ("node", "nodejs", "journeys through the console"),
    ("npm", "npm", "journeys through the console"),
];

/// Installs what is missing (Debian and Ubuntu, as root), else names it with the command. Tests that miss something
/// say so and are skipped.
pub(crate) fn prepare(install: bool) -> Result<()> {
    programs(install)?;
    browser_driver(install);
    Ok(())
}

/// What drives the browser comes from npm, pinned by `e2e/package-lock.json`.
fn browser_driver(install: bool) {
    if !install || find("npm").is_none() || Path::new("e2e/node_modules/playwright-core").exists() {
        return;
    }
    let mut command = Command::new("npm");
    command.args(["ci", "--prefix", "e2e", "--no-audit", "--no-fund"]).stdin(std::process::Stdio::null());
    // A machine without a network still runs the rest.
    if let Err(error) = must(&mut command) {
        println!("could not install what drives the browser: {error:#}; going on without");
    }
}

fn programs(install: bool) -> Result<()> {
    let missing: Vec<_> = NEEDED.into_iter().filter(|(program, _, _)| !is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for (program, package, why) in &missing {
        println!("missing: {program} (package {package}): without it, {why} are skipped");
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    let root = rustix::process::geteuid().is_root();
    if !(install && root && find("apt-get").is_some()) {
        println!("to install: sudo apt-get install --no-install-recommends {}", packages.join(" "));
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments).stdin(std::process::Stdio::null());
        must(&mut command)
    };
    let mut all = vec!["install", "-y", "-q", "--no-install-recommends"];
    all.extend(&packages);
    // A machine without a network still runs the rest.
    if let Err(error) = apt(&["update", "-q"]).and_then(|()| apt(&all)) {
        println!("could not install {}: {error:#}; going on without", packages.join(" "));
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    if program == "postgres" { crate::postgres::programs().is_some() } else { find(program).is_some() }
}
