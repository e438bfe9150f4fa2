//! Writing one backup: its parts, then its signed description, then its name.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter},
    os::unix::fs::OpenOptionsExt as _,
};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::{backup::Copied, locations};
use patchwharf_model::{JobId, PackageId, Sha256, Timestamp};
use patchwharf_store::fault::Step;
use patchwharf_trust::{Passphrase, seal};

use super::{
    Work,
    folder::write_new,
    format::{self, BACKUP, Backup, DATABASES, FILES, FORMAT, PACKAGES, Part, SEALED, SECRETS},
    manifests::Signed,
    points::{Point, next_number},
    room::must_have_room,
    secrets::Secrets,
    unusable,
};
use crate::operations::{OperationError, cores, fault_at};

/// In the data folder: copies of the database from before migrations, and those that are about to be sealed.
const COPIES: &str = "backups";
/// What the latter begin with.
const PASSING: &str = ".copy-";

/// A version that the database names and that is not in the backup.
#[derive(Clone, Debug)]
pub(super) struct LeftOut {
    pub(super) package: PackageId,
    pub(super) version: u64,
    pub(super) why: String,
    /// Whether the database does not name it any more either: it was deleted meanwhile.
    pub(super) gone: bool,
}

/// A copy of the database in a backup that is being made.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) point: Point,
    pub(super) database: Part,
    pub(super) schema: u64,
    pub(super) at: Timestamp,
}

/// A whole backup.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) path: Utf8PathBuf,
    pub(super) backup: Backup,
    pub(super) left_out: Vec<LeftOut>,
}

/// Copies the database into the backup, sealed where there is a passphrase. Nothing unsealed touches that disk then.
pub(super) async fn database(work: &Work<'_>, point: &Point) -> Result<(Part, Copied), OperationError> {
    let name = if work.db.is_shared() { DATABASES[1] } else { DATABASES[0] };
    let bytes = work.db.copy_bytes().await?;
    let aside = point.aside.clone();
    cores::blocking(move || must_have_room(&aside, bytes)).await?.map_err(|error| unusable(work, error))?;
    let Some(passphrase) = work.passphrase.clone() else {
        let file = point.aside.join(name);
        let copied = work.db.copy_into(file.as_std_path()).await?;
        let part = cores::blocking(move || Part::of(&file)).await?;
        return Ok((part.map_err(|error| unusable(work, error))?, copied));
    };
    let folder = work.config.data.join(COPIES);
    let made = super::folder::make_folder(&folder).and_then(|()| must_have_room(&folder, bytes));
    made.map_err(|error| {
        OperationError::new("backup", format!("cannot use {folder}, where the database is copied before it is sealed"))
            .because(error)
    })?;
    // Other backups may be copied there at the same time.
    let plain = Passing(folder.join(format!("{PASSING}{}-{name}", JobId::new())));
    let copied = work.db.copy_into(plain.0.as_std_path()).await?;
    let to = point.aside.join(format!("{name}{SEALED}"));
    let sealed = cores::blocking(move || {
        let sealed = seal_file(&passphrase, &mut File::open(&plain.0)?, &to).and_then(|()| Part::of(&to));
        fs::remove_file(&plain.0)?;
        sealed
    })
    .await?;
    Ok((sealed.map_err(|error| unusable(work, error))?, copied))
}

/// A copy of the database that is there until it is sealed, and not longer, however that ends.
struct Passing(Utf8PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes copies that a process that died has left. For whoever has just taken the data folder's lock: then nobody is
/// making one.
pub(crate) fn clear_copies(data: &Utf8Path) {
    let folder = data.join(COPIES);
    for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
        if entry.file_name().starts_with(PASSING)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, "{} is a left-over copy of the database, and cannot be removed", entry.path());
        }
    }
}

fn seal_file(passphrase: &Passphrase, from: &mut dyn io::Read, to: &Utf8Path) -> io::Result<()> {
    let mut target = BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?);
    seal::seal(passphrase, from, &mut target).map_err(io::Error::other)?;
    target.into_inner()?.sync_all()
}

/// Writes the other parts, signs, and gives the backup its name.
pub(super) async fn finish(
    work: &Work<'_>,
    folder: &Utf8Path,
    copy: Copy,
    manifests: Vec<Signed>,
    left_out: Vec<LeftOut>,
) -> Result<Done, OperationError> {
    let Copy { point, database, schema, at } = copy;
    let (path, deployment) = (folder.to_owned(), work.deployment);
    let number = cores::blocking(move || next_number(&path, deployment)).await?;
    let number = number.map_err(|error| unusable(work, error))?;
    let default = locations::default(work.db).await?;
    let default = default.ok_or_else(|| OperationError::new("no-location", "there is no package location yet"))?;
    let secrets = Secrets::gather(work.config).map_err(|(path, error)| {
        OperationError::new("backup", format!("cannot read {path}, which belongs into the backup")).because(error)
    })?;
    let (aside, passphrase) = (point.aside.clone(), work.passphrase.clone());
    let parts = cores::blocking(move || Parts::write(&aside, &manifests, &secrets, passphrase.as_ref())).await?;
    let parts = parts.map_err(|error| unusable(work, error))?;
    let backup = Backup {
        format: FORMAT,
        number,
        made_at: at,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        deployment: work.deployment,
        instance: work.instance,
        sealed: work.passphrase.is_some(),
        database_kind: work.db.kind().to_owned(),
        schema,
        default_location: default.location_id,
        database,
        secrets: parts.secrets,
        packages: parts.packages,
        files: parts.files,
        version_count: parts.version_count,
        file_count: parts.file_count,
        file_bytes: parts.file_bytes,
        left_out: left_out.len() as u64,
    };
    fault_at(Step::BackupBeforeManifest)?;
    let text = backup.signed(work.key).map_err(|error| unusable(work, io::Error::other(error)))?;
    let named = cores::blocking(move || {
        write_new(&point.aside.join(BACKUP), &text)?;
        point.finish()
    })
    .await?;
    let path = named.map_err(|error| unusable(work, error))?;
    fault_at(Step::BackupAfterManifest)?;
    Ok(Done { path, backup, left_out })
}

/// The parts but for the database.
struct Parts {
    secrets: Part,
    packages: Part,
    files: Part,
    version_count: u64,
    file_count: u64,
    file_bytes: u64,
}

impl Parts {
    fn write(
        folder: &Utf8Path,
        manifests: &[Signed],
        secrets: &Secrets,
        passphrase: Option<&Passphrase>,
    ) -> io::Result<Self> {
        let mut lines = Vec::new();
        let mut contents: BTreeMap<Sha256, u64> = BTreeMap::new();
        for (signed, manifest) in manifests {
            lines.extend(signed.to_bytes()?);
            lines.push(b'\n');
            contents.extend(manifest.files.iter().map(|file| (file.sha256, file.size_bytes)));
        }
        let (packages, files) = (folder.join(PACKAGES), folder.join(FILES));
        write_new(&packages, &lines)?;
        let list: String =
            contents.keys().map(|digest| format!("{digest}  {}\n", format::content_path(digest))).collect();
        write_new(&files, list.as_bytes())?;
        let text = serde_json::to_vec(secrets)?;
        let kept = match passphrase {
            None => {
                let path = folder.join(SECRETS);
                write_new(&path, &text)?;
                path
            }
            Some(passphrase) => {
                let path = folder.join(format!("{SECRETS}{SEALED}"));
                seal_file(passphrase, &mut text.as_slice(), &path)?;
                path
            }
        };
        Ok(Self {
            secrets: Part::of(&kept)?,
            packages: Part::of(&packages)?,
            files: Part::of(&files)?,
            version_count: manifests.len() as u64,
            file_count: contents.len() as u64,
            file_bytes: contents.values().sum(),
        })
    }
}

/// Reads a passphrase from a file that its owner alone can read.
///
/// # Errors
/// It cannot be read, others could, or it is too short.
pub(crate) fn passphrase(path: &Utf8Path) -> anyhow::Result<Passphrase> {
    let text = crate::start::secrets::read_secret(path).context("cannot use the passphrase for the backup")?;
    Passphrase::new(text).with_context(|| format!("cannot use the passphrase in {path}"))
}
