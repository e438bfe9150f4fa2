//! Commands timed from start to end, and what they leave behind.

use std::{
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};

/// Where everything happens.
pub(crate) struct Bench {
    pub(crate) binary: Utf8PathBuf,
    pub(crate) work: Utf8PathBuf,
    pub(crate) pairs: usize,
    folders: AtomicUsize,
}

impl Bench {
    /// Measures `binary` in a folder of its own below `work`.
    pub(crate) fn new(binary: Utf8PathBuf, work: &Utf8Path, pairs: usize) -> Result<Self> {
        let work = work.join(format!("run-{}", std::process::id()));
        std::fs::create_dir_all(&work).with_context(|| format!("make {work}"))?;
        Ok(Self { binary, work: work.canonicalize_utf8()?, pairs: pairs.max(1), folders: AtomicUsize::new(0) })
    }

    /// A folder that nobody has used. Nothing is deleted before the end: a file system searches long for inodes where
    /// many were freed a moment before, and a run would pay for the one before it.
    pub(crate) fn fresh(&self, name: &str) -> Result<Utf8PathBuf> {
        let path = self.work.join(format!("{name}-{}", self.folders.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(&path).with_context(|| format!("make {path}"))?;
        Ok(path)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.work);
    }
}

/// Whether a program can be started.
pub(crate) fn installed(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Runs a command to its end and says how long it took. What it prints is shown only if it fails.
pub(crate) fn timed(command: &mut Command) -> Result<Duration> {
    let what = format!("{command:?}");
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {what}"))?;
    let taken = started.elapsed();
    ensure!(
        output.status.success(),
        "{what} ended with {}:\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout).chars().take(2000).collect::<String>(),
        String::from_utf8_lossy(&output.stderr).chars().take(2000).collect::<String>()
    );
    Ok(taken)
}

/// Writes back everything that is dirty, so that no run pays for the one before.
pub(crate) fn settle() {
    rustix::fs::sync();
}

/// Resident memory of a process in KiB: now and at its highest (`VmRSS`, `VmHWM` of proc(5)).
pub(crate) fn memory_kib(pid: u32) -> Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<u64>().ok())
            .with_context(|| format!("{name} of process {pid}"))
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}
