//! Reading locations on disk: every name in them, hashed without following a link.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;

use crate::{CheckError, facts::Location};

/// All locations as they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    /// Version folders by location, package and version.
    pub(crate) folders: BTreeMap<(String, String, i64), Folder>,
    /// Names in `.staging`, by location.
    pub(crate) staging: BTreeSet<(String, String)>,
    /// Names that are no part of the layout.
    pub(crate) strangers: Vec<PathBuf>,
    /// Package folders without a version in them.
    pub(crate) empty: Vec<PathBuf>,
    /// Locations whose folder or marker is not there, and why.
    pub(crate) unusable: Vec<(String, String)>,
}

/// One version folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its regular files but for the manifest.
    pub(crate) files: BTreeMap<String, Entry>,
    /// The manifest's bytes, if there is one.
    pub(crate) manifest: Option<Vec<u8>>,
    /// Links, folders and other things that do not belong there.
    pub(crate) odd: Vec<String>,
}

/// One regular file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) size_bytes: u64,
    pub(crate) dev: u64,
    pub(crate) inode: u64,
    pub(crate) mtime_ns: i128,
    pub(crate) ctime_ns: i128,
    /// Hexadecimal; none: not hashed, or unreadable.
    pub(crate) sha256: Option<String>,
    /// Why it could not be read.
    pub(crate) error: Option<String>,
}

const MARKER: &str = "location.json";
const MANIFEST: &str = "package.json";
const MANIFEST_CAP_BYTES: u64 = 64 << 20;

/// What lies in the data folder's `uploads`.
pub(crate) fn uploads(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data.join("uploads")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Walks every location.
pub(crate) fn read(locations: &[Location], hash: bool) -> Result<Disk, CheckError> {
    let mut disk = Disk::default();
    for location in locations {
        let root = Path::new(&location.path);
        match marker(root) {
            Ok(id) if id == location.location_id => {}
            Ok(id) => {
                disk.unusable.push((location.location_id.clone(), format!("{} is location {id}", root.display())));
                continue;
            }
            Err(why) => {
                disk.unusable.push((location.location_id.clone(), why));
                continue;
            }
        }
        walk_location(&mut disk, &location.location_id, root, hash)?;
    }
    Ok(disk)
}

fn marker(root: &Path) -> Result<String, String> {
    let path = root.join(MARKER);
    let text = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let marker: serde_json::Value = serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    marker["location_id"].as_str().map(str::to_owned).ok_or_else(|| format!("{} names no location", path.display()))
}

fn names(folder: &Path) -> Result<Vec<(String, fs::FileType)>, CheckError> {
    let list = || -> io::Result<Vec<_>> {
        fs::read_dir(folder)?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name().to_string_lossy().into_owned(), entry.file_type()?))
            })
            .collect()
    };
    match list() {
        // Removed by a running server since its parent was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(CheckError::read(folder)),
    }
}

fn walk_location(disk: &mut Disk, location: &str, root: &Path, hash: bool) -> Result<(), CheckError> {
    for (name, kind) in names(root)? {
        let path = root.join(&name);
        match name.as_str() {
            MARKER | ".quarantine" => {}
            // What the marker said before the location was taken over.
            old if old.starts_with("location.json.of-") => {}
            ".staging" => {
                disk.staging.extend(names(&path)?.into_iter().map(|(entry, _)| (location.to_owned(), entry)));
            }
            package if kind.is_dir() && is_uuid(package) => walk_package(disk, location, package, &path, hash)?,
            _ => disk.strangers.push(path),
        }
    }
    Ok(())
}

fn walk_package(disk: &mut Disk, location: &str, package: &str, path: &Path, hash: bool) -> Result<(), CheckError> {
    let versions = names(path)?;
    if versions.is_empty() {
        disk.empty.push(path.to_owned());
    }
    for (name, kind) in versions {
        let folder = path.join(&name);
        match name.parse::<i64>() {
            Ok(version) if kind.is_dir() && version.to_string() == name => {
                let key = (location.to_owned(), package.to_owned(), version);
                disk.folders.insert(key, read_folder(&folder, hash)?);
            }
            _ => disk.strangers.push(folder),
        }
    }
    Ok(())
}

fn read_folder(path: &Path, hash: bool) -> Result<Folder, CheckError> {
    let mut folder = Folder { path: path.to_owned(), ..Folder::default() };
    for (name, kind) in names(path)? {
        let file = path.join(&name);
        if !kind.is_file() {
            folder.odd.push(name);
        } else if name == MANIFEST {
            folder.manifest = manifest_bytes(&file);
        } else if let Some(entry) = entry(&file, hash) {
            folder.files.insert(name, entry);
        }
    }
    Ok(folder)
}

fn manifest_bytes(path: &Path) -> Option<Vec<u8>> {
    let file = open(path).ok()?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, MANIFEST_CAP_BYTES), &mut bytes).ok()?;
    Some(bytes)
}

fn open(path: &Path) -> io::Result<fs::File> {
    const O_NOFOLLOW: i32 = 0o400_000;
    fs::OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(path)
}

/// None when the file vanished meanwhile.
fn entry(path: &Path, hash: bool) -> Option<Entry> {
    let meta = fs::symlink_metadata(path).ok()?;
    let nanos = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let mut entry = Entry {
        size_bytes: meta.len(),
        dev: meta.dev(),
        inode: meta.ino(),
        mtime_ns: nanos(meta.mtime(), meta.mtime_nsec()),
        ctime_ns: nanos(meta.ctime(), meta.ctime_nsec()),
        sha256: None,
        error: None,
    };
    if hash {
        match open(path).and_then(sha256) {
            Ok(digest) => entry.sha256 = Some(digest),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => entry.error = Some(error.to_string()),
        }
    }
    Some(entry)
}

fn sha256(mut file: impl io::Read) -> io::Result<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(context.finish())),
            n => context.update(&buffer[..n]),
        }
    }
}

fn is_uuid(name: &str) -> bool {
    name.len() == 36
        && name.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}
