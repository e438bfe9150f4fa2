//! The first command that anybody runs.

use std::process::{Command, Output};

use patchwharf_testkit::{fsck, skipped};
use tempfile::TempDir;

use crate::stock::BINARY;

fn text(ran: &Output) -> String {
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

#[test]
fn the_quickstart_finds_three_faults_with_their_digests_and_mends_them() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let mut command = Command::new(BINARY);
    command.arg("--data").arg(&data).args(["quickstart", "--sample", "--exit", "--damage", "--listen", "127.0.0.1:0"]);
    let shown = text(&command.output().unwrap());

    for (fault, found) in
        [("file-changed", "SHA-256 "), ("file-truncated", "bytes with SHA-256 "), ("file-missing", "nothing")]
    {
        let finding: Vec<&str> =
            shown.lines().skip_while(|line| !line.ends_with(fault)).take(4).map(str::trim).collect();
        let [_, path, expected, what] = finding[..] else { panic!("no {fault} in {shown}") };
        assert!(path.starts_with(data.to_str().unwrap()), "{path}");
        assert!(expected.starts_with("expected ") && expected.contains(" bytes with SHA-256 "), "{expected}");
        assert!(what.starts_with("found") && what.contains(found), "{what}");
    }
    assert_eq!(shown.lines().filter(|line| line.contains("  mended: found: file ")).count(), 3, "{shown}");
    assert!(shown.contains("3 findings (3 damage)") && shown.contains("everything is as it should be"), "{shown}");
    assert_eq!(fsck(BINARY, &data, None), "");
}

/// Also where the machine knows a security archive: it is out of reach, and the sample vendor is said to take its place.
#[test]
fn without_a_network_the_quickstart_goes_on_with_the_sample_vendor() {
    let home = TempDir::new().unwrap();
    let script = r#"ip link set lo up && exec "$0" --data "$1" quickstart --exit --listen 127.0.0.1:0"#;
    let cut_off = Command::new("unshare").args(["--net", "true"]).output();
    if !cut_off.is_ok_and(|ran| ran.status.success()) {
        return skipped("a quickstart without a network: network namespaces are not allowed here");
    }
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", script, BINARY]).arg(home.path().join("data"));
    let shown = text(&command.output().unwrap());
    assert!(shown.contains("the built-in sample vendor"), "{shown}");
    assert!(shown.contains("7 packages verified") && shown.contains("all whole"), "{shown}");
}
