//! Cutting what is to be placed into batches whose files can all be open at once.

use std::sync::Once;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Versions placed at once at most: bounds memory and open files.
const MOST_VERSIONS: usize = 1000;

/// Cuts a list so that each part's files can be open at once, beside another part's.
pub(super) fn split<T>(versions: Vec<T>, files: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    parts(versions, files, open_files_allowed() / 4)
}

fn parts<T>(versions: Vec<T>, files: impl Fn(&T) -> usize, room: u64) -> Vec<Vec<T>> {
    let (mut parts, mut part, mut open) = (Vec::new(), Vec::new(), 0);
    for version in versions {
        // Its files, its manifest and two folders.
        let needs = files(&version) as u64 + 3;
        if !part.is_empty() && (open + needs > room || part.len() >= MOST_VERSIONS) {
            parts.push(std::mem::take(&mut part));
            open = 0;
        }
        open += needs;
        part.push(version);
    }
    parts.push(part);
    parts
}

/// How many files this process may have open; raised to what the system allows, once.
fn open_files_allowed() -> u64 {
    static RAISE: Once = Once::new();
    RAISE.call_once(|| {
        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_and_not_only_versions() {
        let of = |versions: &[usize], room| parts(versions.to_vec(), |files| *files, room);
        assert_eq!(of(&[1, 1, 1], 100), [vec![1, 1, 1]]);
        assert_eq!(of(&[40, 40, 40], 100), [vec![40, 40], vec![40]]);
        assert_eq!(of(&[5, 500, 5], 100), [vec![5], vec![500], vec![5]], "one that is too large goes alone");
        assert_eq!(of(&[0; 2_500], u64::MAX).iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 500]);
    }
}
