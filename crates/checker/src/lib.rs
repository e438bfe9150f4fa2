//! The independent judge: reads database, disk and manifests with code of its own and says what does not hold.
//!
//! It shares no code with the crates that write them, only the schema of the database and the format of the files.
//! It never changes anything.

mod acknowledged;
mod database;
mod disk;
mod error;
mod facts;
mod heads;
mod invariants;
mod manifest;
mod verdict;

use std::{path::PathBuf, time::Duration};

pub use error::CheckError;
pub use verdict::{Figures, Finding, Grade, Verdict};

/// What the server does while everything is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// It may be working: what does not hold is looked at twice.
    Working,
    /// It was killed and has not been started since: nothing changes, and what a crash may leave behind is allowed.
    Killed,
    /// It has been started since the last crash and nothing runs: what a crash may leave behind counts as a violation, too.
    AtRest,
}

/// What to look at.
#[derive(Clone, Debug)]
pub struct Options {
    /// URL of the resource database: `sqlite:///path` or `postgres://...`.
    pub database: String,
    /// The server's data folder, for its manifest key. None: manifests are only held against one another.
    pub data: Option<PathBuf>,
    /// A log of what was acknowledged, to be found again. See [`acknowledgement format`](Options::acknowledged).
    ///
    /// One line each, later lines override earlier ones of the same object:
    /// `staged PACKAGE VERSION`, `deleted PACKAGE`, `job ID [STATE]`, `feed ID`, `policy ID`, `enabled BULLETIN`,
    /// `disabled BULLETIN`, and `open KIND ID` for something asked for whose answer never came.
    pub acknowledged: Option<PathBuf>,
    /// Whether to hash every file. Without it only names, lengths and records are compared.
    pub hash: bool,
    /// What the server does meanwhile.
    pub server: Server,
    /// Now, in microseconds since 1970 (UTC).
    pub now_us: i64,
}

impl Options {
    /// A full check of the data folder of a SQLite server that may be working.
    #[must_use]
    pub fn of_data_folder(data: impl Into<PathBuf>, now_us: i64) -> Self {
        let data = data.into();
        let database = format!("sqlite://{}", data.join("patchwharf.db").display());
        Self { database, data: Some(data), acknowledged: None, hash: true, server: Server::Working, now_us }
    }
}

/// A server that works changes database and disk between our looks at them; what is still wrong after this is wrong.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// Looks at everything and says what does not hold. What does not hold at a server that may be working is looked at
/// twice.
///
/// # Errors
/// The database, a location or the acknowledgement log cannot be read: nothing can be said.
pub async fn check(options: &Options) -> Result<Verdict, CheckError> {
    let first = look(options).await?;
    if options.server != Server::Working || first.holds() {
        return Ok(first);
    }
    tokio::time::sleep(SECOND_LOOK).await;
    Ok(look(options).await?.also_in(&first))
}

async fn look(options: &Options) -> Result<Verdict, CheckError> {
    // Before the database: what is remembered is older than what is read.
    let heads = options.data.as_deref().map_or(Ok(None), heads::read);
    let facts = database::read(&options.database).await?;
    let mut keys: Vec<_> =
        options.data.as_deref().map(manifest::server_key).transpose()?.flatten().into_iter().collect();
    if !keys.is_empty() {
        // Servers that share a database believe each other.
        keys.extend(facts.server_keys.iter().cloned().map(manifest::PublicKey));
        keys.extend(options.data.as_deref().map(manifest::trusted_keys).unwrap_or_default());
    }
    let acknowledged = options.acknowledged.as_deref().map(acknowledged::read).transpose()?;
    let options = options.clone();
    tokio::task::spawn_blocking(move || judge(&options, facts, &keys, &heads, acknowledged))
        .await
        .map_err(CheckError::Stopped)?
}

fn judge(
    options: &Options,
    facts: facts::Facts,
    keys: &[manifest::PublicKey],
    heads: &Result<Option<heads::Heads>, String>,
    acknowledged: Option<acknowledged::Log>,
) -> Result<Verdict, CheckError> {
    let disk = disk::read(&facts.locations, options.hash)?;
    let uploads = options.data.as_deref().map(disk::uploads).unwrap_or_default();
    let is_shared = !options.database.starts_with("sqlite:");
    let scene = invariants::Scene {
        facts: &facts,
        disk: &disk,
        uploads: &uploads,
        keys,
        heads,
        is_shared,
        now_us: options.now_us,
    };
    let mut findings = invariants::all(&scene);
    if let Some(log) = &acknowledged {
        findings.extend(log.compare(&facts, &disk));
    }
    Ok(Verdict::new(findings, Figures::of(&facts, &disk), options.server == Server::AtRest))
}

/// `patchwharf fsck`: checks, writes the verdict as text or JSON, and gives the exit code: 0 all holds, 1 something
/// does not.
///
/// # Errors
/// Nothing can be said (exit code 2), or the verdict cannot be written.
pub async fn run(options: &Options, json: bool, out: &mut dyn std::io::Write) -> Result<u8, CheckError> {
    let verdict = check(options).await?;
    let text = if json { verdict.to_json() } else { verdict.to_string() };
    out.write_all(text.as_bytes()).map_err(CheckError::Write)?;
    Ok(u8::from(!verdict.holds()))
}
