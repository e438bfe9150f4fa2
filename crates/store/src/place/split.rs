//! Cutting what is to be placed into batches whose files can all be open at once.

use std::sync::Once;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::NewVersion;

/// Versions placed at once at most: bounds memory and open files.
const MOST_VERSIONS: usize = 1000;

/// Cuts a list so that each part's files can be open at once.
pub(super) fn split(versions: Vec<NewVersion>) -> Vec<Vec<NewVersion>> {
    let room = open_files_allowed() / 2;
    let (mut parts, mut part, mut open) = (Vec::new(), Vec::new(), 0);
    for version in versions {
        // Its files, its manifest and two folders.
        let needs = version.content.len() as u64 + 3;
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
