//! The new data folder and package location: empty, and closed to servers until the restore is whole.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    sync::Arc,
};

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{DeploymentId, Timestamp};
use patchwharf_store::Location;
use patchwharf_trust::ManifestKey;
use serde::{Deserialize, Serialize};

use super::{Database, Wish, source::Source};
use crate::{
    backup::{
        format::Backup,
        room::must_have_room,
        secrets::{Role, Secrets},
    },
    config::{Config, Options},
    files::{replace_file, sync_folder},
    offline::must_be_ours,
    start::{self, InstanceLock},
    tls,
    words::absolute,
};

/// In the data folder while a restore is not whole.
const UNFINISHED: &str = "restore.unfinished";
/// The configuration may be there already: `patchwharf init` makes it.
const CONFIGURATION: &str = "patchwharf.toml";

/// Room beside what is restored: the database's own log, and what a start writes.
const BESIDE_BYTES: u64 = 192 << 20;

/// What an attempt was about, and so what the next one may find in its place and go on with.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Unfinished {
    backup: Utf8PathBuf,
    made_at: Timestamp,
    deployment: DeploymentId,
    packages: Utf8PathBuf,
    /// The database that it began to fill, as it is shown to people.
    database: Option<String>,
    /// Whether a configuration was there before: then it stays, however often the restore is run again.
    #[serde(default)]
    had_configuration: bool,
}

/// Refuses to start a server on a data folder whose restore broke off.
///
/// # Errors
/// It did.
pub(crate) fn must_be_finished(data: &Utf8Path) -> Result<()> {
    let path = data.join(UNFINISHED);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let from = serde_json::from_str::<Unfinished>(&text).map_or_else(|_| "?".into(), |left| left.backup);
    bail!(
        "a restore into {data} broke off ({from}): run the same `patchwharf restore` again, it goes on; or remove {data} \
         and begin anew"
    )
}

/// Where everything goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) data: Utf8PathBuf,
    pub(super) packages: Utf8PathBuf,
    /// What an earlier attempt with the same backup left here.
    left: Option<Unfinished>,
    /// Whether a configuration was there before the first attempt.
    had_configuration: bool,
}

impl Target {
    /// Looks whether data folder and package location are fit, without touching them.
    ///
    /// # Errors
    /// They are not empty, not ours, or have no room.
    pub(super) fn look(wish: &Wish, backup: &Backup) -> Result<Self> {
        let data = absolute(&wish.data)?;
        let packages = match &wish.package_location {
            Some(path) => absolute(path)?,
            None => data.join("packages"),
        };
        must_be_ours(&data)?;
        let left = unfinished(&data, backup)?;
        if left.is_none() {
            empty(&data, "data folder", "--data")?;
        }
        if left.as_ref().is_none_or(|left| left.packages != packages) {
            empty(&packages, "package location", "--package-location")?;
        }
        room(&packages, backup.file_bytes)?;
        room(&data, backup.database.size_bytes.saturating_mul(2))?;
        let had_configuration =
            left.as_ref().map_or_else(|| data.join(CONFIGURATION).exists(), |left| left.had_configuration);
        Ok(Self { data, packages, left, had_configuration })
    }

    /// Makes the data folder, and keeps servers and other restores out of it as long as the lock lives.
    pub(super) fn lock(&self) -> Result<InstanceLock> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.data);
        made.with_context(|| format!("cannot use {} as the data folder", self.data))?;
        InstanceLock::hold(&self.data).context("cannot restore there")
    }

    /// Whether an earlier attempt began to fill this database.
    pub(super) fn has_begun(&self, database: &Database) -> bool {
        self.left.as_ref().is_some_and(|left| left.database.as_ref() == Some(&database.shown()))
    }

    /// Writes down that this database is being filled.
    pub(super) fn begin_database(&self, source: &Source, database: &Database) -> Result<()> {
        self.note(source, Some(database.shown()))
            .with_context(|| format!("cannot use {} as the data folder", self.data))
    }

    fn note(&self, source: &Source, database: Option<String>) -> io::Result<()> {
        let (made_at, deployment) = (source.backup.made_at, source.backup.deployment);
        let (backup, packages) = (source.point.clone(), self.packages.clone());
        let had_configuration = self.had_configuration;
        let unfinished = Unfinished { backup, made_at, deployment, packages, database, had_configuration };
        replace_file(&self.data.join(UNFINISHED), &serde_json::to_vec(&unfinished)?)
    }

    /// Says that the data folder is not whole, and puts keys and configuration there. Returns what is to be told.
    pub(super) fn begin(&self, source: &Source, secrets: &Secrets) -> Result<Vec<String>> {
        let made = || -> io::Result<()> {
            self.note(source, self.left.as_ref().and_then(|left| left.database.clone()))?;
            self.data.parent().map_or(Ok(()), sync_folder)
        };
        made().with_context(|| format!("cannot use {} as the data folder", self.data))?;
        let mut lines = Vec::new();
        for kept in &secrets.files {
            let is_there = |bytes| fs::read(self.data.join(CONFIGURATION)).is_ok_and(|there| there == bytes);
            if kept.role == Role::Configuration && is_there(kept.bytes()?) {
                continue;
            }
            let (path, note) = self.place_of(kept.role, &kept.path);
            if matches!(kept.role, Role::TlsAuthority | Role::TlsAuthorityKey) {
                let folder = tls::authority_folder(&self.data);
                let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
                made.with_context(|| format!("cannot make {folder}"))?;
            }
            kept.write(&path).with_context(|| format!("cannot put {path} back"))?;
            lines.extend(note);
        }
        sync_folder(&self.data).with_context(|| format!("cannot make {} durable", self.data))?;
        Ok(lines)
    }

    /// Where a file goes, and what is to be said of it.
    fn place_of(&self, role: Role, was: &Utf8Path) -> (Utf8PathBuf, Option<String>) {
        let here = |name: &str| self.data.join(name);
        match role {
            Role::ManifestKey => (here("manifest.key"), None),
            Role::AdminToken => (here(crate::token::FILE), None),
            Role::TlsAuthority => (tls::authority_folder(&self.data).join(tls::CERTIFICATE), None),
            Role::TlsAuthorityKey => (tls::authority_folder(&self.data).join(tls::KEY), None),
            Role::Configuration if self.had_configuration => {
                let path = here("patchwharf.toml.restored");
                let note =
                    format!("the configuration of the backup is in {path}; the one that was here stays: compare them");
                (path, Some(note))
            }
            Role::Configuration => (here(CONFIGURATION), None),
            // Names of our own: files of one name in two folders must not end as one.
            Role::MailPassword => secret(here("mail.password"), was),
            Role::WebhookSecret => secret(here("webhook.secret"), was),
        }
    }

    /// The key, and the new package location under its old id.
    pub(super) fn open(&self, backup: &Backup, now: Timestamp) -> Result<(ManifestKey, Arc<Location>)> {
        let key = ManifestKey::open(self.data.join("manifest.key").as_std_path())?;
        let marker = self.packages.join(patchwharf_store::layout::MARKER);
        let location = match marker.exists() {
            true => Location::open(&self.packages, Some(backup.default_location), backup.deployment),
            false => Location::create_as(&self.packages, backup.default_location, backup.deployment, now),
        };
        let location = location.with_context(|| format!("cannot make the package location {}", self.packages))?;
        // What an attempt that broke off had not finished is made anew.
        location.clear_staging(&|_| false)?;
        Ok((key, Arc::new(location)))
    }

    /// Everything is there: servers may start.
    pub(super) fn finish(&self) -> Result<()> {
        let done = || -> io::Result<()> {
            sync_folder(&self.data)?;
            fs::remove_file(self.data.join(UNFINISHED))?;
            sync_folder(&self.data)
        };
        done().with_context(|| format!("cannot declare {} whole; run the same command again", self.data))
    }

    /// What the configuration says otherwise than what was restored.
    pub(super) fn differs(&self, database: &Database) -> Vec<String> {
        let options = Options { data: self.data.clone(), ..Options::default() };
        match Config::load(&options) {
            Err(error) => vec![format!("the configuration is to be corrected before the start: {error}")],
            Ok(config) if config.database_url() != database.url() => vec![format!(
                "the configuration names another database: set `database` in {} before the start",
                self.data.join(CONFIGURATION)
            )],
            Ok(_) => Vec::new(),
        }
    }
}

fn secret(path: Utf8PathBuf, was: &Utf8Path) -> (Utf8PathBuf, Option<String>) {
    let note = format!("{was} of the old host is in {path}: move it, or name it there in the configuration");
    let note = (path != was).then_some(note);
    (path, note)
}

/// What an attempt with this backup left in the data folder.
fn unfinished(data: &Utf8Path, backup: &Backup) -> Result<Option<Unfinished>> {
    let path = data.join(UNFINISHED);
    let text = match fs::read_to_string(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.with_context(|| format!("cannot read {path}"))?,
    };
    let left: Unfinished = serde_json::from_str(&text)
        .with_context(|| format!("{path} cannot be understood: remove {data} and begin anew"))?;
    ensure!(
        (left.made_at, left.deployment) == (backup.made_at, backup.deployment),
        "a restore of another backup ({}) broke off in {data}: run that one again, or remove {data} first",
        left.backup
    );
    Ok(Some(left))
}

fn empty(folder: &Utf8Path, what: &str, flag: &str) -> Result<()> {
    let entries = match folder.read_dir_utf8() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.with_context(|| format!("cannot read the {what} {folder}"))?,
    };
    for entry in entries {
        let entry = entry?;
        ensure!(
            matches!(entry.file_name(), "lost+found" | CONFIGURATION | start::INSTANCE_LOCK),
            "the {what} {folder} is not empty (it holds {:?}), and a restore never writes over anything: name another one by \
             {flag}, or move this one away first (mv {folder} {folder}.old). To take the packages of an existing location \
             in, `location adopt` and `store rebuild` are the ways",
            entry.file_name()
        );
    }
    Ok(())
}

fn room(folder: &Utf8Path, bytes: u64) -> Result<()> {
    must_have_room(folder, bytes.saturating_add(BESIDE_BYTES))
        .with_context(|| format!("{folder} cannot take the backup; nothing was written"))
}
