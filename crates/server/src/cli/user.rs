//! `patchwharf user ...`

use anyhow::Result;
use clap::Subcommand;

use super::{Found, Global, output};
use crate::token;

/// Who may sign in: for someone who holds the data folder.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make a new administrator's token in the place of the old one.
    ///
    /// Whoever may write the data folder is the administrator: no password is asked. A running server takes the new token
    /// at once, and the old one is dead. The change is on the audit trail.
    Reset,
}

impl User {
    pub(super) fn run(self, global: &Global) -> Result<Found> {
        let Self::Reset = self;
        let path = token::reset(&global.data)?;
        output::line(&format!("a new administrator's token is in {path}; the old one is dead"))?;
        Ok(Found::Nothing)
    }
}
