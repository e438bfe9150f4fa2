//! Old backups: the newest are kept, and contents that no kept one names go.

use std::{collections::HashSet, fs, io};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    folder::{CONTENTS, points, sync_folder},
    format::{FILES, content_path},
};

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    pub(super) backups: u64,
    pub(super) contents: u64,
    pub(super) size_bytes: u64,
}

/// Removes all but the newest `keep` backups, then the contents that none of them names.
///
/// # Errors
/// Something cannot be read or removed. A kept backup whose list cannot be read keeps all contents.
pub(super) fn prune(folder: &Utf8Path, keep: usize) -> io::Result<Pruned> {
    let all = points(folder)?;
    let old = all.len().saturating_sub(keep.max(1));
    let mut pruned = Pruned::default();
    for point in &all[..old] {
        // Under a name that says that it is no backup any more: what breaks off here goes with the next attempt.
        let name = point.file_name().unwrap_or_default();
        let aside = point.with_file_name(format!(".{name}"));
        fs::rename(point, &aside)?;
        fs::remove_dir_all(&aside)?;
        pruned.backups += 1;
    }
    if old == 0 {
        return Ok(pruned);
    }
    let mut named = HashSet::new();
    for point in &all[old..] {
        for line in fs::read_to_string(point.join(FILES))?.lines() {
            named.insert(line.split("  ").nth(1).unwrap_or_default().to_owned());
        }
    }
    for parent in folder.join(CONTENTS).read_dir_utf8()? {
        let parent = parent?.into_path();
        let mut gone = false;
        for content in parent.read_dir_utf8()? {
            let content = content?;
            if is_content(content.file_name()) && !named.contains(&relative(folder, content.path())) {
                pruned.size_bytes += content.metadata()?.len();
                pruned.contents += 1;
                fs::remove_file(content.path())?;
                gone = true;
            }
        }
        if gone {
            sync_folder(&parent)?;
        }
    }
    Ok(pruned)
}

/// Our own: contents, and what an attempt that broke off has left of one. Anything else is not touched.
fn is_content(name: &str) -> bool {
    let digest = name.strip_suffix(".part").unwrap_or(name);
    digest.parse::<patchwharf_model::Sha256>().is_ok_and(|digest| content_path(&digest).ends_with(&name[..64]))
}

fn relative(folder: &Utf8Path, path: &Utf8Path) -> String {
    path.strip_prefix(folder).map(Utf8PathBuf::from).unwrap_or_default().into_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_newest_stay_with_what_they_name_and_nothing_foreign_is_touched() {
        let home = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(home.path()).unwrap();
        let digests: Vec<_> = [b"old", b"all", b"new"].map(|text| patchwharf_trust::sha256(text)).to_vec();
        for digest in &digests {
            let path = folder.join(content_path(digest));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "12345").unwrap();
        }
        let left = folder.join(format!("{}.part", content_path(&patchwharf_trust::sha256(b"half"))));
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, "1").unwrap();
        let foreign = folder.join("files/notes.txt.d");
        fs::create_dir_all(&foreign).unwrap();
        fs::write(foreign.join("mine"), "x").unwrap();
        for (name, names) in [("a", &digests[..2]), ("b", &digests[1..]), ("c", &digests[1..])] {
            let point = folder.join("points").join(name);
            fs::create_dir_all(&point).unwrap();
            let lines: String = names.iter().map(|digest| format!("{digest}  {}\n", content_path(digest))).collect();
            fs::write(point.join(FILES), lines).unwrap();
        }
        assert_eq!(prune(folder, 3).unwrap(), Pruned::default());
        let pruned = prune(folder, 2).unwrap();
        assert_eq!(pruned, Pruned { backups: 1, contents: 2, size_bytes: 6 });
        let there: Vec<_> = digests.iter().map(|digest| folder.join(content_path(digest)).exists()).collect();
        assert_eq!(there, [false, true, true]);
        assert!(foreign.join("mine").exists() && !left.exists());
        assert_eq!(prune(folder, 0).unwrap().backups, 1, "the newest always stays");
    }
}
