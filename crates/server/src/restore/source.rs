//! The backup: which one, and whether every byte of it is what it was.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
};

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{FileName, Sha256, package::Manifest};
use patchwharf_store::SignedManifest;
use patchwharf_trust::{ManifestKey, Passphrase, PublicKey, seal};

use super::{Wish, blocking};
use crate::{
    backup::{
        format::{Backup, FormatError, content_path, hash},
        passphrase,
        points::{self, Found},
        secrets::{Role, Secrets},
    },
    operations::cores,
};

/// A backup in its folder.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The folder of backups.
    folder: Utf8PathBuf,
    /// The backup's own folder.
    pub(super) point: Utf8PathBuf,
    pub(super) backup: Backup,
    key: PublicKey,
    passphrase: Option<Passphrase>,
}

/// What is in it, believed.
pub(super) struct Verified {
    pub(super) manifests: Vec<Manifest>,
    pub(super) secrets: Secrets,
    /// Contents that are not there or not what they were.
    pub(super) damaged: Vec<String>,
    damaged_digests: std::collections::HashSet<Sha256>,
}

/// All backups in a folder, newest first: name and description, or why it is none.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn list(folder: &Utf8Path) -> Result<Vec<(String, Result<Backup, FormatError>)>> {
    let named = |found: Found| (found.name().to_owned(), found.read.map(|(backup, _)| backup));
    Ok(found(folder)?.into_iter().rev().map(named).collect())
}

/// The backups in a folder, oldest first.
fn found(folder: &Utf8Path) -> Result<Vec<Found>> {
    points::all(folder).with_context(|| unreadable(folder))
}

fn unreadable(folder: &Utf8Path) -> String {
    format!(
        "cannot read the backups in {folder}: name the folder that `patchwharf backup` was given, by its whole path, and let \
         it belong to the user who runs this (chown -R patchwharf: {folder})"
    )
}

/// The backup of that name, else the newest. One that cannot be believed may be the newest: it is not passed over.
fn chosen(folder: &Utf8Path, at: Option<&str>) -> Result<Found> {
    let mut found = found(folder)?;
    let Some(name) = at else {
        let newest = found.pop().with_context(|| format!("{folder} holds no backup yet"))?;
        let readable = found.into_iter().rev().find(|point| point.read.is_ok());
        return match (&newest.read, readable) {
            (Err(error), Some(other)) => bail!(
                "{error}. It may be the newest. To restore the newest that can be believed, say --at {}; --list shows all",
                other.name()
            ),
            _ => Ok(newest),
        };
    };
    let point = found.into_iter().find(|point| point.name() == name);
    point.with_context(|| format!("{folder} holds no backup {name}; --list shows those that it holds"))
}

impl Source {
    /// The backup that was asked for, else the newest.
    pub(super) fn choose(wish: &Wish) -> Result<Self> {
        let folder = wish.folder.canonicalize_utf8().with_context(|| unreadable(&wish.folder))?;
        let Found { path: point, read } = chosen(&folder, wish.at.as_deref())?;
        let (backup, key) = read?;
        if let Some(wanted) = wish.key.filter(|wanted| *wanted != key) {
            return Err(
                FormatError::OtherKey { path: point, found: key.to_string(), wanted: wanted.to_string() }.into()
            );
        }
        let passphrase = match (&wish.passphrase_file, backup.sealed) {
            (Some(path), true) => Some(passphrase(path)?),
            (None, true) => bail!("the backup is sealed: name the file with its passphrase by --passphrase-file"),
            // Whoever can write in the folder could put a backup of their own making there: it would be plain.
            (Some(_), false) => bail!(
                "the backup {} is not sealed, and a passphrase was named: if all of yours are sealed, somebody else put it \
                 there. Take another one by --at; if it is yours and plain, leave --passphrase-file out, and name the key \
                 that must have signed it by --key",
                point.file_name().unwrap_or_default()
            ),
            (None, false) => None,
        };
        Ok(Self { folder, point, backup, key, passphrase })
    }

    pub(super) fn name(&self) -> &str {
        self.point.file_name().unwrap_or_default()
    }

    /// Reads every byte of the backup once.
    ///
    /// # Errors
    /// Something but the contents of packages cannot be believed.
    pub(super) async fn verify(&self) -> Result<Verified> {
        let (point, backup, key, passphrase) =
            (self.point.clone(), self.backup.clone(), self.key, self.passphrase.clone());
        let (manifests, secrets) = blocking(move || {
            for part in [&backup.database, &backup.secrets, &backup.packages, &backup.files] {
                part.check(&point)?;
            }
            let manifests = manifests(&point.join(&backup.packages.name), &key)?;
            let mut text = Vec::new();
            unseal(&point.join(&backup.secrets.name), passphrase.as_ref(), &mut text)?;
            let secrets: Secrets =
                serde_json::from_slice(&text).context("the keys in the backup cannot be understood")?;
            signed_by(&secrets, &key)?;
            if passphrase.is_some() {
                unseal(&point.join(&backup.database.name), passphrase.as_ref(), &mut std::io::sink())?;
            }
            Ok((manifests, secrets))
        })
        .await?;
        let contents: BTreeMap<Sha256, u64> = manifests
            .iter()
            .flat_map(|manifest| manifest.files.iter().map(|file| (file.sha256, file.size_bytes)))
            .collect();
        let folder = self.folder.clone();
        let looked = cores::for_each(contents.into_iter().collect(), move |(digest, size): &(Sha256, u64)| {
            let right = hash(&folder.join(content_path(digest))).is_ok_and(|found| found == (*size, *digest));
            (*digest, right)
        })
        .await?;
        let damaged_digests: std::collections::HashSet<Sha256> =
            looked.into_iter().filter(|(_, right)| !right).map(|(digest, _)| digest).collect();
        let mut damaged: Vec<String> = damaged_digests.iter().map(content_path).collect();
        damaged.sort();
        Ok(Verified { manifests, secrets, damaged, damaged_digests })
    }

    /// Writes the copy of the database, opened, into a new file that its owner alone can read. Blocks.
    pub(super) fn write_database(&self, to: &Utf8Path) -> Result<()> {
        let target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
        let mut target = BufWriter::new(target.with_context(|| format!("cannot make {to}"))?);
        unseal(&self.point.join(&self.backup.database.name), self.passphrase.as_ref(), &mut target)?;
        let written = target.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        written.with_context(|| format!("cannot write {to}"))
    }

    /// Where a content lies.
    pub(super) fn content(&self, sha256: &Sha256) -> Utf8PathBuf {
        self.folder.join(content_path(sha256))
    }
}

impl Verified {
    /// Manifests of versions whose contents are all whole.
    pub(super) fn whole(&self) -> impl Iterator<Item = &Manifest> {
        let is_whole =
            |manifest: &&Manifest| !manifest.files.iter().any(|file| self.damaged_digests.contains(&file.sha256));
        self.manifests.iter().filter(is_whole)
    }
}

fn manifests(path: &Utf8Path, key: &PublicKey) -> Result<Vec<Manifest>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let mut manifests = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let at = || format!("line {} of {path} cannot be believed", number + 1);
        let signed: SignedManifest = serde_json::from_str(line).with_context(at)?;
        let manifest = signed.open(key, &path.to_owned()).with_context(at)?;
        // Names from a file are data until they are looked at.
        for file in &manifest.files {
            FileName::new(file.name.as_str()).with_context(at)?;
        }
        manifests.push(manifest);
    }
    Ok(manifests)
}

/// Gives the content of a part, opened where it is sealed.
fn unseal(path: &Utf8Path, passphrase: Option<&Passphrase>, to: &mut dyn Write) -> Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot read {path}"))?;
    match passphrase {
        Some(passphrase) => seal::open(passphrase, &mut file, to).with_context(|| format!("cannot open {path}")),
        None => std::io::copy(&mut file, to).map(drop).with_context(|| format!("cannot read {path}")),
    }
}

/// The key that is in the backup must be the one that signed it: who knows the passphrase made both.
fn signed_by(secrets: &Secrets, signer: &PublicKey) -> Result<()> {
    let kept = secrets.of(Role::ManifestKey).context("the backup holds no manifest.key; take an older backup")?;
    let key = String::from_utf8(kept.bytes()?).ok().and_then(|text| ManifestKey::public_of(&text));
    ensure!(key == Some(*signer), "the backup is not signed by the key that it holds; take an older backup");
    Ok(())
}
