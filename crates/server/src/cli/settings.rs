//! `patchwharf settings ...`

use anyhow::Result;
use clap::Subcommand;
use patchwharf_model::api::{self, SettingChange, SettingPut};

use super::{Client, Found, client::segment, location, output};

/// What the server is set to.
#[derive(Debug, Subcommand)]
pub(super) enum Settings {
    /// Show version, ids, database, what can be set, package locations and configuration. Secrets are left out.
    Show,
    /// Set something while the server runs; `settings show` lists the names.
    ///
    /// A new `package-location` is made where its folder is empty or not there yet, and is for new packages only: those
    /// that are there already are served from where they are until `location relocate` moves them.
    #[command(after_help = "\
Examples:
  patchwharf settings set package-location /srv/patchwharf/packages
  patchwharf settings set originals.keep-for 7d
  patchwharf settings set unused.superseded-after 30d
  patchwharf settings set severity.levels 'Urgent, This month'
  patchwharf settings set fetch.max-rate 20MiB")]
    Set {
        /// Its name.
        name: String,
        /// The new value.
        value: String,
    },
}

impl Settings {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::Show => show(client).await,
            Self::Set { name, value } => set(client, &name, value).await,
        }
    }
}

async fn show(client: &Client) -> Result<Found> {
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
    output::line("")?;
    let rows = settings.settings.into_iter().map(|setting| [setting.name, setting.value, setting.meaning]);
    output::table(["setting", "value", "meaning"], rows)?;
    output::line("")?;
    location::table(&settings.locations)?;
    if settings.elsewhere.packages > 0 {
        output::line(&format!(
            "\n{} ({}) not at the default location; `patchwharf location relocate` moves them there",
            output::count(settings.elsewhere.packages, "package"),
            output::size(settings.elsewhere.size_bytes)
        ))?;
    }
    output::line("")?;
    output::json(&settings.config)?;
    Ok(Found::Nothing)
}

async fn set(client: &Client, name: &str, value: String) -> Result<Found> {
    let change: SettingChange = client.put(&format!("/settings/{}", segment(name)), &SettingPut { value }).await?;
    if client.json {
        output::json(&change)?;
        return Ok(Found::Nothing);
    }
    output::facts(&[(change.name.as_str(), change.after), ("before", change.before)])?;
    for note in &change.notes {
        output::line(&output::harmless(note))?;
    }
    Ok(Found::Nothing)
}
