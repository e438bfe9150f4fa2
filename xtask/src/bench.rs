//! `cargo xtask bench`.

use anyhow::Result;

use crate::command::{cargo, find, must, root, target};

/// (program, Debian package).
const PEERS: [(&str, &str); 3] = [("nginx", "nginx-light"), ("rclone", "rclone"), ("aria2c", "aria2")];

/// Builds the server for release and hands over to the bench.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    for (program, package) in PEERS.iter().filter(|(program, _)| find(program).is_none()) {
        println!("missing: {program}; to measure beside it: sudo apt-get install --no-install-recommends {package}");
    }
    must(&mut cargo(&["build", "--release", "--locked", "-p", "patchwharf-server", "-p", "patchwharf-bench"]))?;
    let release = target().join("release");
    let mut bench = std::process::Command::new(release.join("patchwharf-bench"));
    bench.arg("--binary").arg(release.join("patchwharf"));
    if !arguments.iter().any(|argument| argument.starts_with("--work")) {
        bench.arg("--work").arg(target().join("bench"));
    }
    let samples = root().join("../shared/samples");
    if samples.is_dir() && !arguments.iter().any(|argument| argument.starts_with("--samples")) {
        bench.arg("--samples").arg(samples);
    }
    must(bench.args(arguments))
}
