//! The backups in a folder, in the order in which they were made. The order is their number's and not their name's, which
//! is a time: a clock that once ran ahead would keep its backup the newest for years.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{DeploymentId, Timestamp};
use patchwharf_trust::PublicKey;

use super::{
    folder::POINTS,
    format::{BACKUP, Backup, DATABASES, FILES, FormatError, PACKAGES, SEALED, SECRETS},
};
use crate::files::sync_folder;

/// What is not whole yet begins with a dot.
const ASIDE: char = '.';

/// A folder that looks like a backup.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: Utf8PathBuf,
    /// What it says of itself and who signed it, or why it is none that can be believed.
    pub(crate) read: Result<(Backup, PublicKey), FormatError>,
}

impl Found {
    pub(crate) fn name(&self) -> &str {
        self.path.file_name().unwrap_or_default()
    }

    /// The backup, where it is one of this deployment.
    pub(super) fn of(&self, deployment: DeploymentId) -> Option<&Backup> {
        let backup = self.read.as_ref().ok().map(|(backup, _)| backup);
        backup.filter(|backup| backup.deployment == deployment)
    }
}

/// Whole backups in a folder, oldest first. What cannot be believed comes last: nobody knows that it is not the newest.
pub(crate) fn all(folder: &Utf8Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in folder.join(POINTS).read_dir_utf8()? {
        let entry = entry?;
        if !entry.file_name().starts_with(ASIDE) && entry.file_type()?.is_dir() {
            let path = entry.into_path();
            found.push(Found { read: Backup::read(&path), path });
        }
    }
    found.sort_by(|one, other| {
        let key = |found: &Found| found.read.as_ref().map_or((u64::MAX, None), |(b, _)| (b.number, Some(b.made_at)));
        (one.read.is_err(), key(one), &one.path).cmp(&(other.read.is_err(), key(other), &other.path))
    });
    Ok(found)
}

/// The number of a deployment's next backup.
pub(super) fn next_number(folder: &Utf8Path, deployment: DeploymentId) -> io::Result<u64> {
    let numbers = all(folder)?.into_iter().filter_map(|found| found.of(deployment).map(|backup| backup.number));
    Ok(numbers.max().unwrap_or_default().saturating_add(1))
}

/// A backup that is being made. What is not finished goes with it.
#[derive(Debug)]
pub(super) struct Point {
    /// Where its parts are written.
    pub(super) aside: Utf8PathBuf,
    whole: Utf8PathBuf,
}

impl Point {
    /// A folder for a new backup, under a name that says that it is not whole.
    pub(super) fn begin(folder: &Utf8Path, now: Timestamp) -> io::Result<Self> {
        let name = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let points = folder.join(POINTS);
        let aside = points.join(format!("{ASIDE}{name}"));
        let _ = fs::remove_dir_all(&aside);
        DirBuilder::new().mode(0o700).create(&aside)?;
        Ok(Self { aside, whole: points.join(name) })
    }

    /// Everything is in it: gives it its name, durably. Returns where it is.
    pub(super) fn finish(self) -> io::Result<Utf8PathBuf> {
        sync_folder(&self.aside)?;
        let mut whole = self.whole.clone();
        for n in 2.. {
            if !whole.exists() {
                break;
            }
            whole = Utf8PathBuf::from(format!("{}-{n}", self.whole));
        }
        fs::rename(&self.aside, &whole)?;
        if let Some(points) = whole.parent() {
            sync_folder(points)?;
        }
        Ok(whole)
    }
}

impl Drop for Point {
    /// After `finish` nothing is there any more.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.aside);
    }
}

/// Removes what an attempt that died has left. Other things with a dot (snapshots, a desktop's notes) are not ours.
pub(super) fn clear(folder: &Utf8Path) -> io::Result<()> {
    for entry in folder.join(POINTS).read_dir_utf8()? {
        let entry = entry?;
        let ours = entry.file_name().strip_prefix(ASIDE).is_some_and(is_time);
        if ours && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Removes a backup of which nothing is left to be believed afterwards.
///
/// # Errors
/// It cannot be removed. The inner error: it holds something that is not ours, and was not touched.
pub(super) fn remove(point: &Utf8Path) -> io::Result<Result<(), String>> {
    for entry in point.read_dir_utf8()? {
        let entry = entry?;
        if !is_part(entry.file_name()) || !entry.file_type()?.is_file() {
            return Ok(Err(format!("it holds {:?}, which no backup has", entry.file_name())));
        }
    }
    // Under a name that says that it is no backup any more: what breaks off here goes with the next attempt.
    let aside = point.with_file_name(format!("{ASIDE}{}", point.file_name().unwrap_or_default()));
    fs::rename(point, &aside)?;
    fs::remove_dir_all(&aside)?;
    Ok(Ok(()))
}

/// Whether we give this name to a file of a backup.
fn is_part(name: &str) -> bool {
    let open = name.strip_suffix(SEALED).unwrap_or(name);
    DATABASES.contains(&open) || [SECRETS, PACKAGES, FILES, BACKUP].contains(&open)
}

/// Whether we give this name to a backup: `20261122T104519Z`, or `20261122T104519Z-2`.
fn is_time(name: &str) -> bool {
    let (time, number) = name.split_once('-').unwrap_or((name, "2"));
    let form = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    time.len() == 16 && time.bytes().enumerate().all(form) && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use patchwharf_trust::ManifestKey;

    use super::*;
    use crate::backup::format::tests::backup;

    fn home() -> (tempfile::TempDir, Utf8PathBuf, ManifestKey) {
        let home = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(home.path().canonicalize().unwrap()).unwrap();
        fs::create_dir(path.join(POINTS)).unwrap();
        let key = ManifestKey::open_or_make(path.join("key").as_std_path()).unwrap();
        (home, path, key)
    }

    fn names(folder: &Utf8Path) -> Vec<String> {
        all(folder).unwrap().iter().map(|found| found.name().to_owned()).collect()
    }

    #[test]
    fn what_broke_off_is_no_backup_and_is_gone_at_once_or_with_the_next_attempt() {
        let (_home, path, _) = home();
        let now: Timestamp = "2026-11-22T10:45:19Z".parse().unwrap();
        let begun = Point::begin(&path, now).unwrap();
        assert!(names(&path).is_empty());
        std::mem::forget(begun);
        for foreign in [".snapshot", ".2026-notes"] {
            fs::create_dir(path.join(POINTS).join(foreign)).unwrap();
        }
        fs::write(path.join(POINTS).join(".DS_Store"), "x").unwrap();
        clear(&path).unwrap();
        assert_eq!(fs::read_dir(path.join(POINTS)).unwrap().count(), 3, "what is not ours stays");
        drop(Point::begin(&path, now).unwrap());
        assert_eq!(fs::read_dir(path.join(POINTS)).unwrap().count(), 3);
        let whole = Point::begin(&path, now).unwrap().finish().unwrap();
        assert!(whole.ends_with("points/20261122T104519Z"), "{whole}");
        let second = Point::begin(&path, now).unwrap().finish().unwrap();
        assert!(second.ends_with("20261122T104519Z-2"), "never over another");
        assert_eq!(names(&path).len(), 2);
    }

    #[test]
    fn x_04_the_order_is_that_of_the_numbers_whatever_a_clock_said() {
        let (_home, path, key) = home();
        let own = backup().deployment;
        for (name, number, made_at) in [
            ("20360101T000000Z", 1, "2036-01-01T00:00:00Z"),
            ("20261122T104519Z", 2, "2026-11-22T10:45:19Z"),
            ("20261123T104519Z", 3, "2026-11-23T10:45:19Z"),
        ] {
            let made = Backup { number, made_at: made_at.parse().unwrap(), deployment: own, ..backup() };
            fs::create_dir(path.join(POINTS).join(name)).unwrap();
            fs::write(path.join(POINTS).join(name).join(BACKUP), made.signed(&key).unwrap()).unwrap();
        }
        assert_eq!(names(&path), ["20360101T000000Z", "20261122T104519Z", "20261123T104519Z"]);
        assert_eq!(next_number(&path, own).unwrap(), 4);
        assert_eq!(next_number(&path, DeploymentId::new()).unwrap(), 1);
        fs::create_dir(path.join(POINTS).join("10000101T000000Z")).unwrap();
        assert_eq!(names(&path).last().unwrap(), "10000101T000000Z", "what cannot be believed is not passed over");
    }
}
