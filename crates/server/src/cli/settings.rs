//! `patchwharf settings ...`

use anyhow::Result;
use clap::Subcommand;
use patchwharf_model::api;

use super::{Client, Found, output};

/// What the server is set to.
#[derive(Debug, Subcommand)]
pub(super) enum Settings {
    /// Show version, ids, database, package locations and configuration. Secrets are left out.
    Show,
}

impl Settings {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let Self::Show = self;
        let settings: api::Settings = client.get("/settings").await?;
        if client.json {
            output::json(&settings)?;
            return Ok(Found::Nothing);
        }
        output::facts(&[
            ("version", settings.version),
            ("deployment", settings.deployment.to_string()),
            ("instance", settings.instance.to_string()),
            ("database", settings.database),
            ("manifest key", settings.manifest_key),
        ])?;
        let rows = settings.locations.into_iter().map(|location| {
            let free = location.free_bytes.map_or_else(|| "not to be read".to_owned(), output::size);
            [location.path, if location.is_default { "default" } else { "" }.to_owned(), free, location.id.to_string()]
        });
        output::line("")?;
        output::table(["package location", "", "free", "id"], rows)?;
        output::line("")?;
        output::json(&settings.config)?;
        Ok(Found::Nothing)
    }
}
