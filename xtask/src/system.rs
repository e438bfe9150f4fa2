//! Programs of the system that the tests need.

use std::{fs, path::Path, process::Command};

use anyhow::Result;

use crate::command::{find, must};

/// (program, Debian package, what misses it).
const NEEDED: [(&str, &str, &str); 21] = [
    ("postgres", "postgresql", "every database and server test on PostgreSQL"),
    ("mkfs.xfs", "xfsprogs", "power cuts on XFS"),
    ("mkfs.ext4", "e2fsprogs", "power cuts on ext4"),
    ("losetup", "mount", "power cuts on loop devices"),
    ("qemu-nbd", "qemu-utils", "crashes replayed from recorded writes"),
    ("nbdfuse", "libnbd-bin", "crashes replayed from recorded writes"),
    ("nbdkit", "nbdkit", "disks on which a write fails once"),
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
    ("python3", "python3-venv", "requests made from the description of the API"),
];

/// Installs what is missing (Debian and Ubuntu, as root), else names it with the command. Tests that miss something
/// say so and are skipped.
pub(crate) fn prepare(install: bool) -> Result<()> {
    programs(install)?;
    browser_driver(install);
    maker_of_requests(install);
    Ok(())
}

/// What makes requests from the description of the API comes from PyPI, pinned by `e2e/requirements.txt`.
fn maker_of_requests(install: bool) {
    let (wanted, folder) = (Path::new("e2e/requirements.txt"), Path::new("target/schemathesis"));
    let installed = folder.join("installed.txt");
    let is_installed = fs::read(&installed).is_ok_and(|text| fs::read(wanted).is_ok_and(|wanted| wanted == text));
    if !install || is_installed || !is_there("python3") {
        return;
    }
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(std::process::Stdio::null());
        must(&mut command)
    };
    // A machine without a network still runs the rest.
    let made = run(Path::new("python3"), &["-m", "venv", "--clear", "target/schemathesis"])
        .and_then(|()| run(&folder.join("bin/pip"), &["install", "-q", "-r", "e2e/requirements.txt"]))
        .and_then(|()| Ok(fs::copy(wanted, &installed).map(|_| ())?));
    if let Err(error) = made {
        println!("could not install what makes requests from the API's description: {error:#}; going on without");
    }
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
    match program {
        "postgres" => crate::postgres::programs().is_some(),
        // Debian has the interpreter and what makes environments in two packages.
        "python3" => {
            Command::new(program).args(["-c", "import ensurepip"]).output().is_ok_and(|run| run.status.success())
        }
        _ => find(program).is_some(),
    }
}
