//! What a backup says of itself.
//!
//! ```text
//! FOLDER/patchwharf-backups.json                  whose backups lie here
//! FOLDER/files/ab/<SHA-256>                       contents of package files, each once, shared by all backups
//! FOLDER/points/20261122T104519Z/backup.json      signed; written last: without it the folder is no backup
//!                               /database.sqlite  (or database.dump; with .sealed under a passphrase)
//!                               /secrets.json     keys and configuration (with .sealed under a passphrase)
//!                               /packages.jsonl   the signed manifest of every version, a line each
//!                               /files.sha256     every content that belongs to it, as `sha256sum -c` reads it
//! ```

use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{DeploymentId, FileName, InstanceId, LocationId, Sha256, Timestamp};
use patchwharf_trust::{FileHasher, ManifestKey, PublicKey, Signature, hash_reader};
use serde::{Deserialize, Serialize};

/// The newest format that this program writes and reads.
pub(crate) const FORMAT: u32 = 1;
/// The signed description of a backup.
pub(crate) const BACKUP: &str = "backup.json";
/// The manifests.
pub(crate) const PACKAGES: &str = "packages.jsonl";
/// The contents.
pub(crate) const FILES: &str = "files.sha256";
/// Keys and configuration.
pub(crate) const SECRETS: &str = "secrets.json";
/// Copies of the database, by its kind.
pub(crate) const DATABASES: [&str; 2] = ["database.sqlite", "database.dump"];
/// What sealed files end with.
pub(crate) const SEALED: &str = ".sealed";
/// Far above any real one.
const MAX_BYTES: u64 = 1 << 20;

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// Format of this file.
    pub(crate) format: u32,
    /// Which of its deployment's backups in that folder it is, counted from 1: tells what is newer, whatever clocks said.
    #[serde(default)]
    pub(crate) number: u64,
    /// When the database was copied: what happened later is not in it.
    pub(crate) made_at: Timestamp,
    /// The program that made it.
    pub(crate) program: String,
    /// Whose it is.
    pub(crate) deployment: DeploymentId,
    /// The server that made it.
    pub(crate) instance: InstanceId,
    /// Whether database and secrets are sealed under a passphrase.
    pub(crate) sealed: bool,
    /// `sqlite` or `postgres`.
    pub(crate) database_kind: String,
    /// Number of the newest migration in it.
    pub(crate) schema: u64,
    /// Where new packages go there.
    pub(crate) default_location: LocationId,
    /// The copy of the database.
    pub(crate) database: Part,
    /// Keys and configuration.
    pub(crate) secrets: Part,
    /// The manifests.
    pub(crate) packages: Part,
    /// The list of contents.
    pub(crate) files: Part,
    /// Versions of packages in it.
    pub(crate) version_count: u64,
    /// Different contents in it.
    pub(crate) file_count: u64,
    /// Their bytes.
    pub(crate) file_bytes: u64,
    /// Versions that the database names and whose bytes could not be had.
    pub(crate) left_out: u64,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// Its name beside `backup.json`.
    pub(crate) name: String,
    /// Length.
    pub(crate) size_bytes: u64,
    /// Digest.
    pub(crate) sha256: Sha256,
}

/// `backup.json`: the signature is over the bytes of `backup`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    backup: String,
    key: String,
    signature: String,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Why a folder is no backup that can be believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    /// There is none, or it is not whole.
    #[error("{path} is no backup: it has no backup.json, which is written last; its making broke off")]
    NotWhole {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// It cannot be understood.
    #[error("{path} cannot be understood; take an older backup")]
    Malformed {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It is not signed by the key that is in it, or by the one that was asked for.
    #[error("the signature of {path} does not hold: the file was changed; take an older backup")]
    BadSignature {
        /// The file.
        path: Utf8PathBuf,
    },
    /// Somebody else made it.
    #[error("{path} is signed by the key {found}, not by {wanted}: it is another server's backup, or a forged one")]
    OtherKey {
        /// The file.
        path: Utf8PathBuf,
        /// Whose key.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// A newer program made it.
    #[error("{path} has format {found}, this program knows {FORMAT}: restore it with a newer patchwharf")]
    Newer {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
    },
    /// A part of it is not what it was.
    #[error("{path} is not what was backed up: expected {expected}, found {found}; take an older backup")]
    Changed {
        /// The file.
        path: Utf8PathBuf,
        /// Length and digest.
        expected: String,
        /// Length and digest, or that nothing is there.
        found: String,
    },
    /// It cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Backup {
    /// The bytes of `backup.json`.
    pub(crate) fn signed(&self, key: &ManifestKey) -> Result<Vec<u8>, serde_json::Error> {
        let backup = serde_json::to_string(self)?;
        let signature = key.sign(backup.as_bytes()).to_string();
        serde_json::to_vec_pretty(&Signed { key: key.public().to_string(), signature, backup })
    }

    /// Reads the description of the backup in `folder` and checks its signature, by the key that it names. Says which.
    ///
    /// # Errors
    /// It is not there, or cannot be believed.
    pub(crate) fn read(folder: &Utf8Path) -> Result<(Self, PublicKey), FormatError> {
        let path = folder.join(BACKUP);
        let io = |source| FormatError::Io { path: path.clone(), source };
        let file = match std::fs::File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(FormatError::NotWhole { path: folder.to_owned() });
            }
            other => other.map_err(io)?,
        };
        let mut text = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut text).map_err(io)?;
        let malformed = |source| FormatError::Malformed { path: path.clone(), source };
        let signed: Signed = serde_json::from_slice(&text).map_err(malformed)?;
        let bad = || FormatError::BadSignature { path: path.clone() };
        let key: PublicKey = signed.key.parse().map_err(|_| bad())?;
        let signature: Signature = signed.signature.parse().map_err(|_| bad())?;
        if !key.verifies(signed.backup.as_bytes(), &signature) {
            return Err(bad());
        }
        let Format { format } = serde_json::from_str(&signed.backup).map_err(malformed)?;
        if format > FORMAT {
            return Err(FormatError::Newer { path, found: format });
        }
        let backup: Self = serde_json::from_str(&signed.backup).map_err(malformed)?;
        for part in [&backup.database, &backup.secrets, &backup.packages, &backup.files] {
            // They lie beside it: a name is no path.
            FileName::new(part.name.as_str()).map_err(|error| malformed(serde::de::Error::custom(error)))?;
        }
        Ok((backup, key))
    }
}

impl Part {
    /// Describes a file as it is on disk. Blocks.
    pub(crate) fn of(path: &Utf8Path) -> io::Result<Self> {
        let (size_bytes, sha256) = hash(path)?;
        Ok(Self { name: path.file_name().unwrap_or_default().to_owned(), size_bytes, sha256 })
    }

    /// Checks that the file in `folder` is still what was described. Blocks.
    ///
    /// # Errors
    /// It is not there, or other bytes.
    pub(crate) fn check(&self, folder: &Utf8Path) -> Result<Utf8PathBuf, FormatError> {
        let path = folder.join(&self.name);
        let shown = |size: u64, digest: Sha256| format!("{size} bytes with SHA-256 {digest}");
        let expected = shown(self.size_bytes, self.sha256);
        match hash(&path) {
            Ok(found) if found == (self.size_bytes, self.sha256) => Ok(path),
            Ok((size, digest)) => Err(FormatError::Changed { path, expected, found: shown(size, digest) }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(FormatError::Changed { path, expected, found: "nothing".into() })
            }
            Err(source) => Err(FormatError::Io { path, source }),
        }
    }
}

/// Length and digest of a file.
pub(crate) fn hash(path: &Utf8Path) -> io::Result<(u64, Sha256)> {
    let digests = hash_reader(std::fs::File::open(path)?, FileHasher::new())?;
    Ok((digests.size_bytes, digests.sha256))
}

/// Where a content lies in a folder of backups.
pub(crate) fn content_path(sha256: &Sha256) -> String {
    let digest = sha256.to_string();
    format!("files/{}/{digest}", &digest[..2])
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn part(name: &str) -> Part {
        Part { name: name.into(), size_bytes: 3, sha256: patchwharf_trust::sha256(b"abc") }
    }

    pub(crate) fn backup() -> Backup {
        Backup {
            format: FORMAT,
            number: 1,
            made_at: "2026-11-22T10:45:19Z".parse().unwrap(),
            program: "0.1.0".into(),
            deployment: DeploymentId::new(),
            instance: InstanceId::new(),
            sealed: false,
            database_kind: "sqlite".into(),
            schema: 5,
            default_location: LocationId::new(),
            database: part("database.sqlite"),
            secrets: part(SECRETS),
            packages: part(PACKAGES),
            files: part(FILES),
            version_count: 1,
            file_count: 1,
            file_bytes: 3,
            left_out: 0,
        }
    }

    #[test]
    fn what_was_signed_is_read_back_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(home.path()).unwrap();
        assert!(matches!(Backup::read(folder), Err(FormatError::NotWhole { .. })));
        let key = ManifestKey::open_or_make(home.path().join("key").as_path()).unwrap();
        let backup = backup();
        let text = String::from_utf8(backup.signed(&key).unwrap()).unwrap();
        std::fs::write(folder.join(BACKUP), &text).unwrap();
        assert_eq!(Backup::read(folder).unwrap(), (backup.clone(), key.public()));
        std::fs::write(folder.join(BACKUP), text.replacen("sqlite", "sqlitf", 1)).unwrap();
        assert!(matches!(Backup::read(folder), Err(FormatError::BadSignature { .. })));
        let newer = Backup { format: FORMAT + 1, ..backup };
        std::fs::write(folder.join(BACKUP), newer.signed(&key).unwrap()).unwrap();
        assert!(matches!(Backup::read(folder), Err(FormatError::Newer { .. })));
        let outside = Backup { files: part("../files.sha256"), ..self::backup() };
        std::fs::write(folder.join(BACKUP), outside.signed(&key).unwrap()).unwrap();
        assert!(matches!(Backup::read(folder), Err(FormatError::Malformed { .. })), "a name is no path");
        std::fs::write(folder.join(BACKUP), "{").unwrap();
        assert!(matches!(Backup::read(folder), Err(FormatError::Malformed { .. })));
    }

    #[test]
    fn a_part_that_changed_is_told_by_its_bytes() {
        let home = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(home.path()).unwrap();
        std::fs::write(folder.join("x"), "abc").unwrap();
        assert_eq!(Part::of(&folder.join("x")).unwrap(), part("x"));
        part("x").check(folder).unwrap();
        std::fs::write(folder.join("x"), "abd").unwrap();
        assert!(part("x").check(folder).unwrap_err().to_string().contains("found 3 bytes with SHA-256"));
        std::fs::remove_file(folder.join("x")).unwrap();
        assert!(part("x").check(folder).unwrap_err().to_string().contains("found nothing"));
    }
}
