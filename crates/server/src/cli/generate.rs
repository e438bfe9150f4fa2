//! Completions and man pages, from the one definition of the command line.

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use clap::{Args, CommandFactory as _};

use super::{Cli, Found};

/// Print completions for a shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<Found> {
        clap_complete::generate(self.shell, &mut Cli::command(), "patchwharf", &mut std::io::stdout());
        Ok(Found::Nothing)
    }
}

/// Write man pages into a folder.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder; made when it is not there.
    folder: Utf8PathBuf,
}

impl Man {
    pub(super) fn run(&self) -> Result<Found> {
        std::fs::create_dir_all(&self.folder).with_context(|| format!("cannot make the folder {}", self.folder))?;
        clap_mangen::generate_to(Cli::command(), &self.folder)
            .with_context(|| format!("cannot write the man pages into {}", self.folder))?;
        Ok(Found::Nothing)
    }
}
