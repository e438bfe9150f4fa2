//! What comes from others: banned crates, licences, sources. By cargo-deny where it is installed, else by what
//! `cargo tree` says; the rules of both are in `deny.toml` and here.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Result, bail};

use super::licences;
use crate::command::{cargo, must, output, works};

/// One provider of cryptography, and no binding to a system library of it.
const BANNED: [&str; 4] = ["ring", "openssl", "openssl-sys", "native-tls"];

pub(super) fn check() -> Result<()> {
    by_tree()?;
    if !works(&mut cargo(&["deny", "--version"])) {
        println!(
            "cargo-deny is not installed: banned crates, licences and sources were checked by cargo tree alone, advisories not at all"
        );
        return Ok(());
    }
    let mut arguments = vec!["deny", "--offline", "check", "bans", "licenses", "sources"];
    if advisories_are_here() {
        arguments.push("advisories");
    } else {
        println!("SKIPPED: advisories (RustSec's database is not at hand; `cargo deny fetch` brings it)");
    }
    must(&mut cargo(&arguments))
}

fn advisories_are_here() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    home.is_some_and(|home| home.join("advisory-dbs").is_dir())
}

fn by_tree() -> Result<()> {
    // All features and all systems: what could ever be linked, including what only tests use.
    let arguments = [
        "tree",
        "--locked",
        "--workspace",
        "--all-features",
        "--target",
        "all",
        "-e",
        "normal,build,dev",
        "--prefix",
        "none",
        "-f",
        "{p}|{l}",
    ];
    let text = output(&mut cargo(&arguments))?;
    let packages: BTreeSet<&str> =
        text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let (package, licence) = package.rsplit_once('|').unwrap_or((package, ""));
        let name = package.split(' ').next().unwrap_or(package);
        if BANNED.contains(&name) {
            wrong.push(format!("{name} is banned"));
        }
        // A path or `proc-macro` may stand in brackets; an address is another source than crates.io.
        if package.contains("://") {
            wrong.push(format!("{package} is not from crates.io"));
        }
        if !licences::allowed(licence) {
            wrong.push(format!("{package} has the licence `{licence}`, which nobody allowed yet"));
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    println!("{} packages: none banned, all from crates.io or here, all licences allowed", packages.len());
    Ok(())
}
