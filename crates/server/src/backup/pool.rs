//! Contents of package files: each once, by its digest, copied and hashed on the way, never linked. A link would be the
//! same data and no second copy.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    sync::Arc,
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::backup::KeptFile;
use patchwharf_model::{FileName, LocationId, PackageId, Sha256, package::VersionState};
use patchwharf_store::{
    Location,
    fault::{self, Step},
};
use patchwharf_trust::FileHasher;

use super::{folder::make_folder, format, room::must_have_room};
use crate::files::sync_folder;

const BLOCK_BYTES: usize = 1 << 20;

/// A content and the places where it can be had.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) sha256: Sha256,
    pub(super) size_bytes: u64,
    /// Whether a version that is damaged on the server has it: then what lies here may be the last copy, and is read.
    is_last: bool,
    from: Vec<(LocationId, PackageId, u64, String)>,
}

/// The different contents among files, by digest.
pub(super) fn contents(files: &[KeptFile]) -> Vec<Wanted> {
    let mut by_digest: BTreeMap<Sha256, Wanted> = BTreeMap::new();
    for file in files {
        let wanted = by_digest.entry(file.sha256).or_insert_with(|| Wanted {
            sha256: file.sha256,
            size_bytes: file.size_bytes,
            is_last: false,
            from: Vec::new(),
        });
        wanted.is_last |= matches!(file.state, VersionState::Corrupt | VersionState::Missing);
        wanted.from.push((file.location_id, file.package_id, file.version, file.name.clone()));
    }
    by_digest.into_values().collect()
}

/// How a content came into the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Had {
    /// It was there, whole.
    Already,
    /// It was copied.
    Copied,
    /// What was there was damaged; it was copied anew.
    Mended,
    /// It cannot be had: why.
    No(String),
}

/// The pool.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    folder: Utf8PathBuf,
    locations: Arc<[Arc<Location>]>,
    /// What is there is believed by its length, without being read.
    quick: bool,
}

impl Pool {
    pub(super) fn new(folder: &Utf8Path, locations: Arc<[Arc<Location>]>, quick: bool) -> Self {
        Self { folder: folder.to_owned(), locations, quick }
    }

    pub(super) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Sees that what is not there yet of these contents has room. Blocks.
    pub(super) fn must_have_room(&self, wanted: &[Wanted]) -> io::Result<()> {
        let lacks =
            |one: &&Wanted| fs::metadata(self.path(&one.sha256)).map_or(true, |meta| meta.len() != one.size_bytes);
        let bytes = wanted.iter().filter(lacks).fold(0, |sum: u64, one| sum.saturating_add(one.size_bytes));
        must_have_room(&self.folder, bytes)
    }

    /// Makes the folders for these contents.
    pub(super) fn prepare(&self, wanted: &[Wanted]) -> io::Result<()> {
        self.parents(wanted).iter().try_for_each(|parent| make_folder(parent))
    }

    /// Makes the names of these contents durable.
    pub(super) fn sync(&self, wanted: &[Wanted]) -> io::Result<()> {
        self.parents(wanted).iter().try_for_each(|parent| sync_folder(parent))
    }

    fn parents(&self, wanted: &[Wanted]) -> BTreeSet<Utf8PathBuf> {
        let parent = |one: &Wanted| self.path(&one.sha256).parent().map(Utf8Path::to_owned);
        wanted.iter().filter_map(parent).collect()
    }

    fn path(&self, sha256: &Sha256) -> Utf8PathBuf {
        self.folder.join(format::content_path(sha256))
    }

    /// Sees that a content is there, whole. Blocks.
    ///
    /// # Errors
    /// The folder of backups cannot be written.
    pub(super) fn take(&self, wanted: &Wanted) -> io::Result<Had> {
        let path = self.path(&wanted.sha256);
        let there = match fs::metadata(&path) {
            Ok(meta) => {
                let whole = meta.len() == wanted.size_bytes
                    && ((self.quick && !wanted.is_last)
                        || format::hash(&path).is_ok_and(|(_, digest)| digest == wanted.sha256));
                if whole {
                    return Ok(Had::Already);
                }
                true
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => return Err(e),
        };
        let mut whys = Vec::new();
        for (location, package, version, name) in &wanted.from {
            match self.open(*location, *package, *version, name) {
                Ok(source) => match self.copy(source, wanted, &path)? {
                    Ok(()) if there => return Ok(Had::Mended),
                    Ok(()) => return Ok(Had::Copied),
                    Err(why) => whys.push(format!("package {package} version {version} file {name}: {why}")),
                },
                Err(why) => whys.push(format!("package {package} version {version} file {name}: {why}")),
            }
        }
        Ok(Had::No(whys.join("; ")))
    }

    fn open(&self, location: LocationId, package: PackageId, version: u64, name: &str) -> Result<File, String> {
        let Some(location) = self.locations.iter().find(|open| open.id() == location) else {
            return Err(format!("package location {location} is not open"));
        };
        let name = FileName::new(name).map_err(|error| error.to_string())?;
        let opened = location.open_file(package, version, &name);
        opened.map(|(file, _)| file).map_err(|error| format!("it cannot be opened: {}", error.source))
    }

    /// Written aside while hashing, compared, made durable, named. The inner error: the source is not what it should be.
    fn copy(&self, mut source: impl Read, wanted: &Wanted, path: &Utf8Path) -> io::Result<Result<(), String>> {
        let aside = Utf8PathBuf::from(format!("{path}.part"));
        let _ = fs::remove_file(&aside);
        let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        let (mut hasher, mut block) = (FileHasher::new(), vec![0; BLOCK_BYTES]);
        let read = loop {
            match source.read(&mut block) {
                Ok(0) => break Ok(()),
                Ok(n) => {
                    hasher.update(&block[..n]);
                    target.write_all(&block[..n])?;
                }
                Err(error) => break Err(format!("it cannot be read: {error}")),
            }
        };
        let found = hasher.finish();
        let right = read.and_then(|()| match (found.size_bytes, found.sha256) == (wanted.size_bytes, wanted.sha256) {
            true => Ok(()),
            false => Err(format!(
                "it is damaged: expected {} bytes with SHA-256 {}, found {} bytes with SHA-256 {}",
                wanted.size_bytes, wanted.sha256, found.size_bytes, found.sha256
            )),
        });
        if let Err(why) = right {
            drop(target);
            fs::remove_file(&aside)?;
            return Ok(Err(why));
        }
        fault::at(Step::BackupAfterCopy)?;
        target.sync_all()?;
        fs::rename(&aside, path)?;
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(package: PackageId, name: &str, content: &[u8]) -> KeptFile {
        KeptFile {
            package_id: package,
            version: 1,
            state: VersionState::Staged,
            location_id: LocationId::new(),
            name: name.into(),
            size_bytes: content.len() as u64,
            sha256: patchwharf_trust::sha256(content),
        }
    }

    #[test]
    fn the_same_content_is_wanted_once_from_all_its_places() {
        let files = [
            file(PackageId::new(), "a.exe", b"same"),
            file(PackageId::new(), "b.exe", b"same"),
            file(PackageId::new(), "c.exe", b"other"),
        ];
        let wanted = contents(&files);
        assert_eq!(wanted.len(), 2);
        assert_eq!(wanted.iter().map(|one| one.from.len()).sum::<usize>(), 3);
    }

    #[test]
    fn a_content_is_copied_believed_by_its_bytes_and_mended() {
        let home = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(home.path()).unwrap();
        make_folder(&folder.join("files")).unwrap();
        let wanted = contents(&[file(PackageId::new(), "a.exe", b"content")]);
        let none: Arc<[Arc<Location>]> = Vec::new().into();
        let pool = Pool::new(folder, Arc::clone(&none), false);
        pool.prepare(&wanted).unwrap();
        assert!(matches!(pool.take(&wanted[0]).unwrap(), Had::No(why) if why.contains("is not open")));
        let path = pool.path(&wanted[0].sha256);
        let wrong = pool.copy(&b"contenT"[..], &wanted[0], &path).unwrap().unwrap_err();
        assert!(wrong.contains("expected 7 bytes with SHA-256") && !path.exists(), "{wrong}");
        assert!(!folder.join(format!("{path}.part")).exists());
        pool.copy(&b"content"[..], &wanted[0], &path).unwrap().unwrap();
        pool.sync(&wanted).unwrap();
        assert_eq!(pool.take(&wanted[0]).unwrap(), Had::Already);
        fs::write(&path, b"contenT").unwrap();
        assert!(matches!(pool.take(&wanted[0]).unwrap(), Had::No(_)), "damage is noticed by the bytes");
        let quick = Pool::new(folder, none, true);
        assert_eq!(quick.take(&wanted[0]).unwrap(), Had::Already, "quick looks at the length");
        let damaged = KeptFile { state: VersionState::Corrupt, ..file(PackageId::new(), "a.exe", b"content") };
        let last = quick.take(&contents(&[damaged])[0]).unwrap();
        assert!(matches!(last, Had::No(_)), "the last copy is never believed by its length");
    }

    #[test]
    fn room_is_asked_for_what_is_not_there_yet() {
        let home = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(home.path()).unwrap();
        let pool = Pool::new(folder, Vec::new().into(), false);
        let mut wanted = contents(&[file(PackageId::new(), "a.exe", b"content")]);
        pool.must_have_room(&wanted).unwrap();
        wanted[0].size_bytes = u64::MAX;
        let full = pool.must_have_room(&wanted).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull, "{full}");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "nothing was written");
    }
}
