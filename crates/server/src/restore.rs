//! Putting a backup back on a new host: everything is verified before anything is written, and until the last step is
//! done the data folder says that no server may start on it.

mod database;
mod packages;
mod source;
mod target;

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use camino::Utf8PathBuf;
use patchwharf_model::Timestamp;
use patchwharf_store::fault::{self, Step};
use patchwharf_trust::PublicKey;

pub(crate) use source::list;
pub(crate) use target::must_be_finished;

use crate::{
    backup::{age, format::Backup},
    words::{bytes, count},
};
use source::Source;
use target::Target;

/// What is to be restored, and where to.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// The folder of backups.
    pub(crate) folder: Utf8PathBuf,
    /// Which of them, by its name; none: the newest.
    pub(crate) at: Option<String>,
    /// The new data folder.
    pub(crate) data: Utf8PathBuf,
    /// The folder for packages; none: `packages` in the data folder.
    pub(crate) package_location: Option<Utf8PathBuf>,
    /// URL of an empty database; none: an SQLite file in the data folder.
    pub(crate) database: Option<String>,
    /// File with the passphrase of a sealed backup.
    pub(crate) passphrase_file: Option<Utf8PathBuf>,
    /// The key that must have signed the backup.
    pub(crate) key: Option<PublicKey>,
    /// Leave packages out whose contents are damaged in the backup.
    pub(crate) skip_damaged: bool,
    /// Only verify, and say what would be done.
    pub(crate) dry_run: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Restored {
    /// The backup.
    pub(crate) backup: Backup,
    /// Lines for people, in order.
    pub(crate) lines: Vec<String>,
    /// Versions that are recorded as missing now: they can be staged again.
    pub(crate) missing: u64,
}

/// Restores. `say` is told each step.
///
/// # Errors
/// The backup is not whole, the target not empty, or a disk failed; the text says what to do.
pub(crate) async fn run(wish: Wish, now: Timestamp, say: impl Fn(&str)) -> Result<Restored> {
    let begun = Instant::now();
    let source = Source::choose(&wish)?;
    say(&format!(
        "backup {} of {}, made {} ago by patchwharf {}",
        source.name(),
        source.backup.made_at,
        age(source.backup.made_at, now),
        source.backup.program
    ));
    let places = places(&source.backup, &wish).await;
    // A drill tells whether the backup is right also where it could not be put: on the server that made it.
    let places = match places {
        Err(error) if !wish.dry_run => return Err(error),
        places => places,
    };
    say(&format!("verifying {}, {}", count(source.backup.file_count, "file"), bytes(source.backup.file_bytes)));
    let verified = source.verify().await?;
    let damaged = verified.damaged.len() as u64;
    if damaged > 0 && !wish.skip_damaged {
        let names: Vec<&str> = verified.damaged.iter().map(String::as_str).take(10).collect();
        bail!(
            "{} of the backup cannot be believed: {}; nothing was written. Take the folder from another medium, or say \
             --skip-damaged: the packages concerned are then missing and can be staged again",
            count(damaged, "content"),
            names.join(", ")
        );
    }
    let sealed = if source.backup.sealed { "opened" } else { "not sealed" };
    say(&format!("verified: {} manifests, keys and database {sealed}", verified.manifests.len()));
    let (target, database, _lock) = match places {
        // Looked at again, now that nobody else can write there: another restore may have come first.
        Ok((target, _)) if !wish.dry_run => {
            let lock = target.lock()?;
            let (target, database) = self::places(&source.backup, &wish).await?;
            (target, database, lock)
        }
        looked => {
            let line = match looked {
                Ok((target, _)) => format!("would be restored into {} and {}", target.data, target.packages),
                Err(error) => format!("here it could not be restored: {error:#}"),
            };
            return Ok(Restored { backup: source.backup, lines: vec![line], missing: damaged });
        }
    };
    let mut lines = target.begin(&source, &verified.secrets)?;
    fault::at(Step::RestoreAfterSecrets)?;
    say("placing packages");
    let (key, location) = target.open(&source.backup, now)?;
    let placed = packages::place(&source, &verified, &key, &location).await?;
    fault::at(Step::RestoreAfterPackages)?;
    say("putting the database back");
    database::put(&database, &source, &target).await?;
    fault::at(Step::RestoreAfterDatabase)?;
    let missing = database::settle(&database, &target, &source.backup, &placed, now).await?;
    fault::at(Step::RestoreBeforeDone)?;
    target.finish()?;
    lines.extend(target.differs(&database));
    lines.push(format!(
        "restored {} in {:#} from a backup that was {} old",
        count(placed.len() as u64, "package version"),
        jiff::SignedDuration::try_from(begun.elapsed()).unwrap_or_default().round(jiff::Unit::Millisecond)?,
        age(source.backup.made_at, now),
    ));
    Ok(Restored { backup: source.backup, lines, missing })
}

/// Where everything goes, looked at and not touched.
async fn places(backup: &Backup, wish: &Wish) -> Result<(Target, Database)> {
    let target = Target::look(wish, backup)?;
    let database = database::target(backup, wish)?;
    database::look(&database, &target).await?;
    Ok((target, database))
}

/// Where the database goes.
#[derive(Clone, Debug)]
enum Database {
    /// An SQLite file.
    File(Utf8PathBuf),
    /// An empty database of a PostgreSQL server.
    Server(String),
}

impl Database {
    fn url(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite://{path}"),
            Self::Server(url) => url.clone(),
        }
    }

    /// Without a password.
    fn shown(&self) -> String {
        patchwharf_db::backup::without_password(&self.url())
    }
}

/// Adds what was attempted to an error of a blocking task.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work on the disk was interrupted")?
}
