//! The first start: a link that makes the first administrator, told to whoever started the server and to nobody else.

use std::{fs, io::IsTerminal as _, os::unix::fs::OpenOptionsExt as _};

use anyhow::Context as _;
use camino::Utf8PathBuf;
use patchwharf_db::accounts;

use super::links;
use crate::app::App;

/// In the data folder, where nobody watches a terminal.
const FILE: &str = "set-up.link";

/// Where the link of a first start went.
#[derive(Debug)]
pub enum FirstLink {
    /// On the terminal: this is it.
    Terminal(String),
    /// Into a file that only its owner can read.
    File(Utf8PathBuf),
}

/// Makes a link where no account can let anybody in; none: there is one.
///
/// # Errors
/// The database failed, or the file cannot be written.
pub(crate) async fn first_link(app: &App, base: &str) -> anyhow::Result<Option<FirstLink>> {
    let path = app.config.data.join(FILE);
    // A link of an earlier start is dead or was used.
    match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("cannot remove {path}"));
        }
        _ => {}
    }
    if app.db.damage().is_some() || accounts::any_administrator(&app.db).await? {
        return Ok(None);
    }
    let link = links::make(app, None, ("server", "start-up")).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let text = format!("{base}{}", link.path);
    if std::io::stderr().is_terminal() {
        return Ok(Some(FirstLink::Terminal(text)));
    }
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(0o600).open(&path).with_context(|| format!("cannot write {path}"))?;
    std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes())
        .with_context(|| format!("cannot write {path}"))?;
    Ok(Some(FirstLink::File(path)))
}

/// Removes the file of the first link once an administrator can sign in; until then it works, whoever else came in by a link.
pub(super) async fn used(app: &App) {
    if accounts::any_administrator(&app.db).await.unwrap_or(false) {
        let _ = fs::remove_file(app.config.data.join(FILE));
    }
}
