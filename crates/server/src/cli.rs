//! The command line.

use std::process::ExitCode;

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::FAILURE
}
