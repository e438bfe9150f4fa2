//! Old backups: the newest are kept, and contents that no kept one names go.

use std::{collections::HashSet, fs, io};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{DeploymentId, Sha256, job::ReportItem};

use super::{
    folder::CONTENTS,
    format::{BACKUP, FILES, FormatError, content_path},
    points::{self, Found},
};
use crate::files::sync_folder;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    pub(super) backups: u64,
    pub(super) contents: u64,
    pub(super) size_bytes: u64,
    /// What is there and cannot be believed: it stays, and counts for nothing.
    pub(super) untouched: Vec<ReportItem>,
}

/// Removes all but the newest `keep` backups of this deployment, then the contents that nothing there names. What is not
/// known by its signed description as a backup of ours is not touched.
///
/// # Errors
/// Something cannot be read or removed.
pub(super) fn prune(folder: &Utf8Path, deployment: DeploymentId, keep: usize) -> io::Result<Pruned> {
    let (ours, others): (Vec<Found>, Vec<Found>) =
        points::all(folder)?.into_iter().partition(|point| point.of(deployment).is_some());
    let (old, new) = ours.split_at(ours.len().saturating_sub(keep.max(1)));
    let mut pruned = Pruned::default();
    for point in &others {
        let why = point.read.as_ref().map_or_else(ToString::to_string, |_| "it is another deployment's".to_owned());
        pruned.leave(point, why);
    }
    let mut stayed = Vec::new();
    for point in old {
        match points::remove(&point.path)? {
            Ok(()) => pruned.backups += 1,
            Err(why) => {
                pruned.leave(point, why);
                stayed.push(point);
            }
        }
    }
    if pruned.backups == 0 {
        return Ok(pruned);
    }
    let mut named = HashSet::new();
    for point in others.iter().chain(new).chain(stayed) {
        match names(point) {
            Ok(names) => named.extend(names),
            Err(why) => {
                pruned.leave(point, format!("{why}; so no content was removed, for it may need any of them"));
                return Ok(pruned);
            }
        }
    }
    contents(folder, &named, &mut pruned)?;
    Ok(pruned)
}

impl Pruned {
    fn leave(&mut self, point: &Found, reason: String) {
        let item = format!("{} in the folder of backups", point.name());
        self.untouched.push(ReportItem { item, outcome: "untouched".into(), failed: false, reason });
    }
}

/// The contents that a backup names. Its list must be the one that was signed: one that was cut short would give away what
/// the backup needs. A list whose backup cannot be believed keeps what it names; without one, nobody knows what is needed,
/// unless nothing there ever was a backup.
fn names(point: &Found) -> Result<Vec<String>, String> {
    let list = point.path.join(FILES);
    match &point.read {
        Ok((backup, _)) => drop(backup.files.check(&point.path).map_err(|error| error.to_string())?),
        Err(FormatError::NotWhole { .. }) if !list.exists() => return Ok(Vec::new()),
        Err(_) if !list.exists() => return Err(format!("it has {BACKUP} and no list of contents")),
        Err(_) => {}
    }
    let text = fs::read_to_string(&list).map_err(|error| format!("{list} cannot be read: {error}"))?;
    Ok(text.lines().filter_map(|line| line.split("  ").nth(1)).map(str::to_owned).collect())
}

fn contents(folder: &Utf8Path, named: &HashSet<String>, pruned: &mut Pruned) -> io::Result<()> {
    for parent in folder.join(CONTENTS).read_dir_utf8()? {
        let parent = parent?;
        if !parent.file_type()?.is_dir() {
            continue;
        }
        let mut gone = false;
        for content in parent.path().read_dir_utf8()? {
            let content = content?;
            let path = relative(folder, content.path());
            if content.file_type()?.is_file() && is_content(&path) && !named.contains(&path) {
                pruned.size_bytes += content.metadata()?.len();
                pruned.contents += 1;
                fs::remove_file(content.path())?;
                gone = true;
            }
        }
        if gone {
            sync_folder(parent.path())?;
        }
    }
    Ok(())
}

/// Our own: contents in their place, and what an attempt that broke off has left of one. Anything else is not touched.
fn is_content(path: &str) -> bool {
    let whole = path.strip_suffix(".part").unwrap_or(path);
    let digest = whole.rsplit('/').next().unwrap_or_default().parse::<Sha256>();
    digest.is_ok_and(|digest| content_path(&digest) == whole)
}

fn relative(folder: &Utf8Path, path: &Utf8Path) -> String {
    path.strip_prefix(folder).map(Utf8PathBuf::from).unwrap_or_default().into_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use patchwharf_trust::ManifestKey;

    use super::*;
    use crate::backup::format::{Backup, Part, tests::backup};

    struct Rig {
        home: tempfile::TempDir,
        key: ManifestKey,
        own: DeploymentId,
    }

    impl Rig {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let key = ManifestKey::open_or_make(home.path().join("key").as_path()).unwrap();
            let rig = Self { home, key, own: DeploymentId::new() };
            for folder in ["points", "files"] {
                fs::create_dir(rig.folder().join(folder)).unwrap();
            }
            rig
        }

        fn folder(&self) -> &Utf8Path {
            Utf8Path::from_path(self.home.path()).unwrap()
        }

        fn content(&self, text: &str) -> Utf8PathBuf {
            let path = self.folder().join(content_path(&patchwharf_trust::sha256(text.as_bytes())));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }

        fn point(&self, name: &str, number: u64, names: &[&str]) -> Utf8PathBuf {
            let point = self.folder().join("points").join(name);
            fs::create_dir_all(&point).unwrap();
            let line = |text: &&str| {
                let digest = patchwharf_trust::sha256(text.as_bytes());
                format!("{digest}  {}\n", content_path(&digest))
            };
            fs::write(point.join(FILES), names.iter().map(line).collect::<String>()).unwrap();
            let files = Part::of(&point.join(FILES)).unwrap();
            let made = Backup { number, deployment: self.own, files, ..backup() };
            fs::write(point.join(BACKUP), made.signed(&self.key).unwrap()).unwrap();
            point
        }

        fn prune(&self, keep: usize) -> Pruned {
            prune(self.folder(), self.own, keep).unwrap()
        }
    }

    #[test]
    fn the_newest_stay_with_what_they_name_and_nothing_foreign_is_touched() {
        let rig = Rig::new();
        let [old, all, new] = ["old", "all", "new"].map(|text| rig.content(text));
        let half = Utf8PathBuf::from(format!("{}.part", rig.content("half")));
        fs::rename(rig.content("half"), &half).unwrap();
        let foreign = rig.folder().join("files/notes.txt.d");
        fs::create_dir_all(&foreign).unwrap();
        let digest = patchwharf_trust::sha256(b"old").to_string();
        for name in ["mine", digest.as_str()] {
            fs::write(foreign.join(name), "x").unwrap();
        }
        fs::write(rig.folder().join("files/notes.txt"), "x").unwrap();
        // By its name, the first one is the newest: its clock ran ahead.
        rig.point("c", 1, &["old", "all"]);
        rig.point("a", 2, &["all", "new"]);
        rig.point("b", 3, &["all", "new"]);
        assert_eq!(rig.prune(3), Pruned::default());
        let pruned = rig.prune(2);
        assert_eq!((pruned.backups, pruned.contents, pruned.size_bytes), (1, 2, 7));
        assert_eq!([&old, &all, &new].map(|path| path.exists()), [false, true, true]);
        assert!(foreign.join("mine").exists() && foreign.join(digest).exists() && !half.exists());
        assert_eq!(rig.prune(0).backups, 1, "the newest always stays");
        assert!(rig.folder().join("points/b").exists());
    }

    #[test]
    fn what_is_no_backup_of_ours_is_not_removed_and_not_counted() {
        let rig = Rig::new();
        rig.content("ours");
        let broken = rig.content("of a broken one");
        let letters = rig.folder().join("points/letters");
        fs::create_dir(&letters).unwrap();
        fs::write(letters.join("letter.txt"), "x").unwrap();
        let forged = rig.point("forged", 1, &["of a broken one"]);
        fs::write(forged.join(BACKUP), "{}").unwrap();
        let others = rig.point("others", 2, &["ours"]);
        let other = Backup { deployment: DeploymentId::new(), ..Backup::read(&others).unwrap().0 };
        fs::write(others.join(BACKUP), other.signed(&rig.key).unwrap()).unwrap();
        let noted = rig.point("noted", 3, &["ours"]);
        fs::write(noted.join("why.txt"), "do not remove").unwrap();
        let gone = rig.point("gone", 4, &["ours"]);
        let newest = rig.point("newest", 5, &["ours"]);
        let pruned = rig.prune(1);
        assert_eq!((pruned.backups, pruned.contents), (1, 0));
        assert_eq!(pruned.untouched.len(), 4, "{:#?}", pruned.untouched);
        assert!(!gone.exists() && broken.exists());
        for stays in [letters.join("letter.txt"), forged, others, noted.join(FILES), newest] {
            assert!(stays.exists(), "{stays}");
        }
    }

    #[test]
    fn a_list_that_is_not_the_signed_one_gives_no_content_away() {
        let rig = Rig::new();
        let [one, two] = ["one", "two"].map(|text| rig.content(text));
        rig.point("a", 1, &["one"]);
        let cut = rig.point("b", 2, &["one", "two"]);
        fs::write(cut.join(FILES), "").unwrap();
        let pruned = rig.prune(1);
        assert_eq!((pruned.backups, pruned.contents), (1, 0));
        assert!(pruned.untouched[0].reason.contains("is not what was backed up"), "{:#?}", pruned.untouched);
        assert!(one.exists() && two.exists());
    }
}
