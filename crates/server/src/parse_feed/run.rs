//! The parser's side.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    process::ExitCode,
};

use patchwharf_feeds::{FeedError, Limits, SinkError, sdp};
use patchwharf_model::catalogue::Frame;

use super::{Order, ParseRequest, apt, confine::confine, frames::FrameWriter};

/// An order is small; the keyring is its largest part.
const MAX_ORDER_BYTES: u64 = 16 << 20;

/// Why there is no catalogue: a stable code and the whole text.
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

impl From<FeedError> for Refusal {
    fn from(error: FeedError) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        Self { code: error.code().to_owned(), message }
    }
}

/// Reads an order from standard input, confines itself, and writes frames to standard output.
#[must_use]
pub fn run() -> ExitCode {
    let mut order = Vec::new();
    let read = io::stdin().lock().take(MAX_ORDER_BYTES).read_to_end(&mut order).map_err(serde_json::Error::io);
    let order: Order = match read.and_then(|_| serde_json::from_slice(&order)) {
        Ok(order) => order,
        Err(error) => {
            eprintln!("cannot read the order on standard input (the server starts this program itself): {error}");
            return ExitCode::from(2);
        }
    };
    confine(&order.limits);
    let mut out = FrameWriter::new(BufWriter::with_capacity(256 * 1024, io::stdout().lock()));
    let done = match carry_out(&order.request, &mut out) {
        Err(Refusal { code, message }) if code != "stopped" => out.frame(Frame::Failed { code, message }),
        _ => Ok(()),
    };
    match done.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write to the server: {error}");
            ExitCode::from(2)
        }
    }
}

fn carry_out<W: Write>(request: &ParseRequest, out: &mut FrameWriter<W>) -> Result<(), Refusal> {
    let limits = Limits::default();
    match request {
        ParseRequest::Sdp { name, file } => {
            let input = open(name, file)?;
            Ok(sdp::read(name, input, &limits, &mut |frame| out.frame(frame).map_err(SinkError))?)
        }
        ParseRequest::Release(release) => {
            let answer = apt::release(release, &limits)?;
            out.value(&answer).map_err(|error| FeedError::from(SinkError(error)))?;
            Ok(())
        }
        ParseRequest::Apt { release, base_url, indexes, advisories } => {
            let archive = apt::Archive { release, base_url, indexes, advisories: advisories.as_deref() };
            apt::read(&archive, &limits, &mut |frame| out.frame(frame).map_err(SinkError))
        }
    }
}

pub(super) fn open(name: &str, file: &camino::Utf8Path) -> Result<File, FeedError> {
    File::open(file).map_err(|source| FeedError::Read { what: name.to_owned(), offset: 0, source })
}
