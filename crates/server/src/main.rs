//! The `patchwharf` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    patchwharf_server::cli::main()
}
