//! The server's side: starts the parser, reads its frames, keeps the time.

use std::{io, os::unix::process::ExitStatusExt as _, process::Stdio, time::Duration};

use camino::Utf8Path;
use patchwharf_model::catalogue::MAX_FRAME_BYTES;
use patchwharf_store::fault;
use rustix::process::Signal;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStderr, ChildStdout, Command},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{Order, ParseRequest, ParserLimits};

/// What is kept of the parser's standard error.
const MOST_COMPLAINT_BYTES: usize = 16 * 1024;
/// What Rust says before it aborts for want of memory.
const NO_MEMORY: &str = "memory allocation of";

/// Why there is no (whole) catalogue.
#[derive(Debug, thiserror::Error)]
pub enum ParserError {
    /// The process could not be started.
    #[error("cannot start the parser {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It ended before its work was done.
    #[error(
        "the parser ended in the middle of the catalogue ({how}): {complaint}; please report it with the catalogue"
    )]
    Died {
        /// Exit code or signal.
        how: String,
        /// The end of its standard error.
        complaint: String,
    },
    /// It used up its memory.
    #[error(
        "the catalogue needs more than the {bytes} bytes of memory that its parser may use; if it is honest, raise \
         `parser.memory-bytes`"
    )]
    TooMuchMemory {
        /// The limit.
        bytes: u64,
    },
    /// It used up its processor time.
    #[error(
        "the catalogue needs more than the {seconds} seconds of processor time that its parser may use; if it is honest, \
         raise `parser.cpu`"
    )]
    TooMuchWork {
        /// The limit.
        seconds: u64,
    },
    /// It took too long and was ended.
    #[error(
        "the parser was ended after {seconds} seconds, the most that a catalogue may take; if it is honest, raise \
         `parser.wall`"
    )]
    TooLong {
        /// The limit.
        seconds: u64,
    },
    /// What it wrote is not what it should write.
    #[error("the parser wrote what is no frame: {reason}")]
    Garbled {
        /// What is wrong.
        reason: String,
    },
    /// It refuses the catalogue.
    #[error("{message}")]
    Refused {
        /// Stable code, such as `signature-missing`, `expired`, `truncated`.
        code: String,
        /// What is wrong with what, where, and what to do.
        message: String,
    },
}

impl ParserError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Start { .. } => "parser-start",
            Self::Died { .. } => "parser-died",
            Self::TooMuchMemory { .. } => "parser-memory",
            Self::TooMuchWork { .. } => "parser-cpu",
            Self::TooLong { .. } => "parser-too-long",
            Self::Garbled { .. } => "parser-garbled",
            Self::Refused { code, .. } => code,
        }
    }
}

/// A running parser. Dropped, it is killed.
#[derive(Debug)]
pub struct Parser {
    child: Child,
    out: BufReader<ChildStdout>,
    complaint: JoinHandle<String>,
    deadline: Instant,
    limits: ParserLimits,
    buffer: Vec<u8>,
}

/// A frame, or the refusal that any answer may be instead.
#[derive(Deserialize)]
struct Failed {
    frame: String,
    code: String,
    message: String,
}

impl Parser {
    /// Starts `program parse-feed` in `folder` and gives it its order.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn start(
        program: &Utf8Path,
        folder: &Utf8Path,
        request: &ParseRequest,
        limits: ParserLimits,
    ) -> Result<Self, ParserError> {
        let start = |source| ParserError::Start { program: program.to_string(), source };
        let mut child = Command::new(program)
            .arg("parse-feed")
            .env_clear()
            .envs(fault::environment())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(start)?;
        let order = serde_json::to_vec(&Order { limits, request: request.clone() }).map_err(|e| start(e.into()))?;
        let gone = || start(io::ErrorKind::BrokenPipe.into());
        let (mut stdin, stdout, stderr) = match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => (stdin, stdout, stderr),
            _ => return Err(gone()),
        };
        let complaint = tokio::spawn(listen(stderr));
        // A parser that died already says so by ending its output.
        let _ = stdin.write_all(&order).await;
        drop(stdin);
        Ok(Self {
            child,
            out: BufReader::with_capacity(256 * 1024, stdout),
            complaint,
            deadline: Instant::now() + Duration::from_secs(limits.wall_seconds),
            limits,
            buffer: Vec::new(),
        })
    }

    /// The next frame.
    ///
    /// # Errors
    /// The parser refuses the catalogue, died, took too long, or wrote nonsense. There is nothing after an error.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, ParserError> {
        let read = timeout_at(self.deadline, read(&mut self.out, &mut self.buffer)).await;
        match read {
            Err(_) => {
                let _ = self.child.start_kill();
                Err(ParserError::TooLong { seconds: self.limits.wall_seconds })
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(ParserError::Garbled { reason: error.to_string() })
            }
            Ok(Err(_)) => Err(self.died().await),
            Ok(Ok(())) => match serde_json::from_slice(&self.buffer) {
                Ok(value) => Ok(value),
                Err(error) => Err(match serde_json::from_slice::<Failed>(&self.buffer) {
                    Ok(failed) if failed.frame == "failed" => {
                        ParserError::Refused { code: failed.code, message: failed.message }
                    }
                    _ => ParserError::Garbled { reason: error.to_string() },
                }),
            },
        }
    }

    async fn died(&mut self) -> ParserError {
        let within = Duration::from_secs(5);
        let (how, signal) = match tokio::time::timeout(within, self.child.wait()).await {
            Ok(Ok(status)) => (status.to_string(), status.signal()),
            Ok(Err(error)) => (error.to_string(), None),
            Err(_) => ("it closed its output and runs on".to_owned(), None),
        };
        let _ = self.child.start_kill();
        let complaint = tokio::time::timeout(within, &mut self.complaint).await;
        let complaint = complaint.ok().and_then(Result::ok).unwrap_or_default();
        let ParserLimits { memory_bytes: bytes, cpu_seconds: seconds, .. } = self.limits;
        if signal == Some(Signal::XCPU.as_raw()) {
            return ParserError::TooMuchWork { seconds };
        }
        if signal == Some(Signal::ABORT.as_raw()) && complaint.contains(NO_MEMORY) {
            return ParserError::TooMuchMemory { bytes };
        }
        let complaint = if complaint.is_empty() { "it said nothing".to_owned() } else { complaint };
        ParserError::Died { how, complaint }
    }
}

async fn read(out: &mut BufReader<ChildStdout>, buffer: &mut Vec<u8>) -> io::Result<()> {
    let length = out.read_u32().await?;
    if length > MAX_FRAME_BYTES {
        let reason = format!("a frame of {length} bytes; at most {MAX_FRAME_BYTES} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    buffer.resize(length as usize, 0);
    out.read_exact(buffer).await?;
    Ok(())
}

/// Takes what the parser says on standard error into the log, and keeps its end.
async fn listen(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read) = stderr.read(&mut chunk).await {
        if read == 0 {
            break;
        }
        kept.extend(&chunk[..read]);
        let surplus = kept.len().saturating_sub(MOST_COMPLAINT_BYTES);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&kept).trim().to_owned();
    for line in text.lines().take(20) {
        tracing::debug!(line, "the parser says");
    }
    text.escape_debug().to_string().replace("\\n", "; ")
}
