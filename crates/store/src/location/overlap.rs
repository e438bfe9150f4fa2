//! Whether two folders lie in one another: by name, through links of the way, and through bind mounts.

use std::{fmt, fs, io, os::unix::fs::MetadataExt as _};

use camino::{Utf8Path, Utf8PathBuf};

/// How one folder lies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// They are the same folder.
    Same,
    /// The first lies in the second.
    Inside,
    /// The second lies in the first.
    Around,
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "is the same folder as",
            Self::Inside => "lies in",
            Self::Around => "lies around",
        })
    }
}

/// How `path`, which need not exist yet, lies to the folder `other`; none: apart.
///
/// # Errors
/// When one of them cannot be looked at.
pub fn overlap(path: &Utf8Path, other: &Utf8Path) -> io::Result<Option<Overlap>> {
    let (a, b) = (Spot::of(path)?, Spot::of(other)?);
    Ok(a.to(&b))
}

/// A folder, by everything that makes it the same as another.
struct Spot {
    /// Device and inode of the folder itself, when it exists.
    own: Option<(u64, u64)>,
    /// Device and inode of every existing folder above it.
    above: Vec<(u64, u64)>,
    /// File system and path within it, as the mount table tells: what a bind mount shows a second time has the same.
    within: Option<(String, Utf8PathBuf)>,
}

impl Spot {
    fn of(path: &Utf8Path) -> io::Result<Self> {
        let (mut own, mut above, mut existing) = (None, Vec::new(), None);
        for ancestor in path.ancestors() {
            match fs::metadata(ancestor) {
                Ok(meta) if ancestor == path => own = Some((meta.dev(), meta.ino())),
                Ok(meta) => above.push((meta.dev(), meta.ino())),
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            }
            existing.get_or_insert(ancestor);
        }
        let within = existing.and_then(|existing| {
            let real = existing.canonicalize_utf8().ok()?;
            let rest = path.strip_prefix(existing).unwrap_or(Utf8Path::new(""));
            let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
            within(&table, &if rest.as_str().is_empty() { real } else { real.join(rest) })
        });
        Ok(Self { own, above, within })
    }

    fn to(&self, other: &Self) -> Option<Overlap> {
        if self.own.is_some() && self.own == other.own {
            return Some(Overlap::Same);
        }
        if other.own.is_some_and(|own| self.above.contains(&own)) {
            return Some(Overlap::Inside);
        }
        if self.own.is_some_and(|own| other.above.contains(&own)) {
            return Some(Overlap::Around);
        }
        match (&self.within, &other.within) {
            (Some((here, a)), Some((there, b))) if here == there => match (a.starts_with(b), b.starts_with(a)) {
                (true, true) => Some(Overlap::Same),
                (true, false) => Some(Overlap::Inside),
                (false, true) => Some(Overlap::Around),
                (false, false) => None,
            },
            _ => None,
        }
    }
}

/// File system and path within it of a path, by a mount table in the format of proc_pid_mountinfo(5).
fn within(table: &str, path: &Utf8Path) -> Option<(String, Utf8PathBuf)> {
    let mut best: Option<(usize, String, Utf8PathBuf)> = None;
    for line in table.lines() {
        let mut fields = line.split(' ').skip(2);
        let (Some(device), Some(root), Some(point)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let point = unescaped(point);
        let Ok(rest) = path.strip_prefix(&point) else { continue };
        // Of two mounts at one point the later one is seen.
        if best.as_ref().is_none_or(|(length, ..)| point.len() >= *length) {
            let root = Utf8PathBuf::from(unescaped(root));
            let inner = if rest.as_str().is_empty() { root } else { root.join(rest) };
            best = Some((point.len(), device.to_owned(), inner));
        }
    }
    best.map(|(_, device, inner)| (device, inner))
}

/// Spaces, tabs, line ends and backslashes are written as octal numbers.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
        (folder, path)
    }

    #[test]
    fn folders_in_one_another_overlap_and_neighbours_do_not() {
        let (_keep, home) = folder();
        fs::create_dir_all(home.join("a/b")).unwrap();
        fs::create_dir(home.join("a2")).unwrap();
        let of = |a: &str, b: &str| overlap(&home.join(a), &home.join(b)).unwrap();
        assert_eq!(of("a", "a"), Some(Overlap::Same));
        assert_eq!(of("a/b", "a"), Some(Overlap::Inside));
        assert_eq!(of("a", "a/b"), Some(Overlap::Around));
        assert_eq!(of("a/not/yet/there", "a"), Some(Overlap::Inside));
        assert_eq!(of("a2", "a"), None);
        assert_eq!(of("not-there", "a"), None);
    }

    #[test]
    fn a_way_through_a_link_is_seen() {
        let (_keep, home) = folder();
        fs::create_dir_all(home.join("a/b")).unwrap();
        std::os::unix::fs::symlink(home.join("a"), home.join("link")).unwrap();
        assert_eq!(overlap(&home.join("link"), &home.join("a")).unwrap(), Some(Overlap::Same));
        assert_eq!(overlap(&home.join("link/new"), &home.join("a")).unwrap(), Some(Overlap::Inside));
    }

    #[test]
    fn a_bind_mount_of_a_part_of_a_folder_is_seen_in_the_mount_table() {
        let table = "\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
22 21 8:2 / /srv rw - xfs /dev/sdb1 rw
23 21 8:2 /old/part\\040two /mnt/bind rw - xfs /dev/sdb1 rw
24 21 0:30 / /mnt/over rw - tmpfs none rw
25 21 8:2 /other /mnt/over rw - xfs /dev/sdb1 rw";
        let of = |path: &str| within(table, Utf8Path::new(path)).unwrap();
        assert_eq!(of("/srv/old"), ("8:2".to_owned(), "/old".into()));
        assert_eq!(of("/mnt/bind/new"), ("8:2".to_owned(), "/old/part two/new".into()));
        assert_eq!(of("/mnt/over"), ("8:2".to_owned(), "/other".into()));
        assert_eq!(of("/home"), ("8:1".to_owned(), "/home".into()));
    }

    #[test]
    fn l_11_a_bind_mount_of_a_folder_in_a_location_lies_inside_it() {
        let (_keep, home) = folder();
        fs::create_dir_all(home.join("old/part")).unwrap();
        fs::create_dir(home.join("bind")).unwrap();
        let mount = |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).output();
        let bound = mount(&["mount", "--bind", home.join("old/part").as_str(), home.join("bind").as_str()]);
        if !bound.is_ok_and(|output| output.status.success()) {
            return patchwharf_testkit::skipped("a bind mount inside a location: mounting is not allowed here");
        }
        let found = overlap(&home.join("bind/new"), &home.join("old"));
        let around = overlap(&home.join("old"), &home.join("bind"));
        assert!(mount(&["umount", home.join("bind").as_str()]).unwrap().status.success());
        assert_eq!(found.unwrap(), Some(Overlap::Inside));
        assert_eq!(around.unwrap(), Some(Overlap::Around));
    }
}
