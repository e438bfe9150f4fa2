//! What the service manager is told, and what it lets the service do.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    time::Duration,
};

use patchwharf_testkit::{Server, skipped};

use crate::stock::{BINARY, Stock};

#[tokio::test]
async fn the_service_manager_is_told_when_the_server_is_ready_and_when_it_stops() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let said = || {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let mut server = Server::setup(BINARY).env("NOTIFY_SOCKET", path.to_str().unwrap()).start().await;
    let ready = said();
    assert!(ready.starts_with("READY=1\nSTATUS=serving http://127.0.0.1:"), "{ready}");
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(said(), "STOPPING=1");
}

/// The unit as `init` writes it, in a folder of its own.
fn unit() -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().to_str().unwrap().to_owned();
    let output = Command::new(BINARY).args(["init", "--root", &root, "--program", BINARY]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let unit = format!("{root}/etc/systemd/system/patchwharf.service");
    (home, unit)
}

fn systemd_analyze(arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze").args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), text))
}

#[test]
fn the_unit_is_understood_and_gives_little_away() {
    let (_home, unit) = unit();
    let Some((sound, said)) = systemd_analyze(&["verify", "--man=no", &unit]) else {
        return skipped("the systemd unit: systemd-analyze is not there");
    };
    let about: Vec<&str> = said.lines().filter(|line| line.contains("patchwharf")).collect();
    assert!(sound && about.is_empty(), "{said}");
    let Some((_, said)) = systemd_analyze(&["security", "--no-pager", "--offline=true", &unit]) else { return };
    let level =
        said.lines().find_map(|line| line.split("patchwharf.service: ").nth(1)).unwrap_or_else(|| panic!("{said}"));
    let exposure: f64 = level.split(' ').next().unwrap().parse().unwrap();
    figures!("systemd-analyze security: {level}");
    assert!(exposure <= 2.0, "{said}");
}

/// System calls that the unit's filter lets through, by name.
fn allowed(unit: &str) -> Option<BTreeSet<String>> {
    let text = fs::read_to_string(unit).unwrap();
    let mut allowed = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (denies, words) = line.strip_prefix('~').map_or((false, line), |rest| (true, rest));
        for name in words.split(' ').flat_map(members) {
            if denies {
                allowed.remove(&name)
            } else {
                allowed.insert(name)
            };
        }
    }
    (allowed.len() > 100).then_some(allowed)
}

/// A name, or the members of a set of names, and of the sets in it.
fn members(name: &str) -> Vec<String> {
    if !name.starts_with('@') {
        return vec![name.to_owned()];
    }
    let Some((_, said)) = systemd_analyze(&["syscall-filter", name]) else { return Vec::new() };
    let names = said.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with('#'));
    names.flat_map(|name| members(name.trim())).collect()
}

/// The server, its parser and a backup, under strace: no call that the unit would refuse.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_the_server_and_its_parser_call_is_let_through_by_the_unit() {
    let (_home, unit) = unit();
    let Some(allowed) = allowed(&unit) else { return skipped("calls of the service: systemd-analyze is not there") };
    let home = tempfile::tempdir().unwrap();
    let trace = home.path().join("calls");
    let wrapper = ["strace", "-f", "-qq", "-o", trace.to_str().unwrap(), "-e", "signal=none"];
    if !Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success()) {
        return skipped("calls of the service: strace is not there");
    }
    let mut stock = Stock::new(Server::setup(BINARY).wrapper(&wrapper), 3, 200_000).await;
    stock.stage(0..3).await;
    let file = patchwharf_model::api::BulletinDetail::clone(&stock.server.api().get("/api/v1/bulletins/B-0").await);
    let package = file.software_updates[0].package.unwrap();
    fs::write(stock.server.packages().join(format!("{package}/1/f0.exe")), "rot").unwrap();
    let refresh = serde_json::json!({ "of": { "bulletins": ["B-0"] } });
    stock.server.api().run_job("/api/v1/bulletins/refresh", &refresh).await;
    let backup = serde_json::json!({ "folder": home.path().join("backups"), "plain": true });
    stock.server.api().run_job("/api/v1/backups", &backup).await;
    stock.server.api().run_job("/api/v1/store/reconcile", &serde_json::json!({ "dry_run": false })).await;
    stock.server.terminate();
    let text = fs::read_to_string(&trace).unwrap();
    let called: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_once(' ').map(|(_, rest)| rest.trim_start()))
        .filter_map(|rest| rest.split_once('(').map(|(name, _)| name))
        .filter(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        })
        .collect();
    assert!(called.len() > 50 && called.contains("unshare") && called.contains("fsync"), "{called:?}");
    // As root, and only then, SQLite gives its files to the owner of the database.
    let as_root = |name: &str| name == "fchown" && rustix::process::geteuid().is_root();
    let refused: Vec<_> = called.iter().filter(|name| !allowed.contains(**name) && !as_root(name)).collect();
    assert!(refused.is_empty(), "the unit would refuse {refused:?}");
    figures!("{} different system calls, all let through by the unit's filter of {}", called.len(), allowed.len());
}
