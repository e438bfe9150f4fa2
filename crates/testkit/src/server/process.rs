//! Child processes whose output is kept.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

const KEPT_BYTES: usize = 256 * 1024;

/// A process with a process group of its own, so that a wrapper (strace) and what it runs end together.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    status: Option<ExitStatus>,
    output: Arc<Mutex<String>>,
}

impl Process {
    pub(super) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let output = Arc::new(Mutex::new(String::new()));
        keep(child.stdout.take().expect("a pipe"), Arc::clone(&output));
        keep(child.stderr.take().expect("a pipe"), Arc::clone(&output));
        Self { child, status: None, output }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        if self.runs() {
            let group = Pid::from_child(&self.child);
            kill_process_group(group, signal).expect("the process group is ours");
        }
    }

    /// The end of the whole group: a wrapper can be gone before what it ran is.
    pub(super) fn kill_9(&mut self) {
        self.signal(Signal::KILL);
        self.status = self.child.wait().ok();
        let group = self.child.id().to_string();
        crate::eventually("the process group has ended", super::DEADLINE, || (!is_alive(&group)).then_some(()));
    }

    pub(super) fn runs(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child can be waited for");
        }
        self.status.is_none()
    }

    /// Whether all its threads are stopped (state `T` of proc_pid_stat(5)). A signal stops one of them, and that one the
    /// others, when it is its turn.
    pub(super) fn stands_still(&self) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.child.id())) else { return false };
        threads.flatten().all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
        })
    }

    /// Waits for the end; the exit code, none when a signal ended it.
    pub(super) fn wait(&mut self, deadline: Duration) -> Option<i32> {
        let end = std::time::Instant::now() + deadline;
        while self.runs() {
            assert!(std::time::Instant::now() < end, "the process does not end\n{}", self.output());
            thread::sleep(Duration::from_millis(5));
        }
        self.status.and_then(|status| status.code())
    }

    pub(super) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }
}

/// Whether a process of this group still does something. Its first thread can be gone before the others let go of files.
fn is_alive(group: &str) -> bool {
    let threads = |process: &Path| std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let mut processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    processes.any(|process| threads(&process).any(|thread| is_alive_in(group, &thread.path())))
}

/// The same of one thread (proc_pid_stat(5): after the name come state, parent and group).
fn is_alive_in(group: &str, thread: &Path) -> bool {
    let stat = std::fs::read_to_string(thread.join("stat")).unwrap_or_default();
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    !matches!(fields.next(), None | Some("Z" | "X")) && fields.nth(1) == Some(group)
}

/// Collects a stream's lines; of very long output, the end.
fn keep(stream: impl Read + Send + 'static, output: Arc<Mutex<String>>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            let mut output = output.lock().unwrap();
            if output.len() + line.len() > KEPT_BYTES {
                let half = output.ceil_char_boundary(output.len() / 2);
                output.drain(..half);
            }
            output.push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The standard output of a command that must have ended with 0.
    ///
    /// # Panics
    /// When it did not; the panic shows all output.
    #[must_use]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self.stdout
    }
}
