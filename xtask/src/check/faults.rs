//! Proof that an ordinary build carries no fault injection.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::command::{cargo, must, target};

/// Where the strings below come from; each must still be there, or this check would look for nothing.
const SOURCES: [&str; 2] = ["crates/store/src/fault.rs", "crates/store/src/fault/armed.rs"];

/// Strings that are in the binary if and only if faults are.
const MARKERS: [&str; 5] =
    ["PATCHWHARF_FAULT", "PATCHWHARF_MUTANT", "stage.before-write", "no-file-fsync", "delete-without-lease"];

pub(super) fn check() -> Result<()> {
    let mut sources = String::new();
    for path in SOURCES {
        sources += &fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    }
    if let Some(lost) = MARKERS.iter().find(|marker| !sources.contains(**marker)) {
        bail!("`{lost}` is no longer in {}: name what is there now in {}", SOURCES.join(" or "), file!());
    }
    // The whole workspace, and an example: so the dependencies have the features that the tests give them, and are not
    // built a second time.
    must(&mut cargo(&["build", "--locked", "--workspace", "--bin", "patchwharf", "--example", "place_many"]))?;
    let path = target().join("debug/patchwharf");
    let binary = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let found: Vec<&str> = MARKERS.into_iter().filter(|marker| holds(&binary, marker.as_bytes())).collect();
    if !found.is_empty() {
        bail!("{} was built without `faults` and still has {}", path.display(), found.join(", "));
    }
    println!("none of {} markers in {} MiB", MARKERS.len(), binary.len() >> 20);
    Ok(())
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_wherever_they_stand() {
        assert!(holds(b"xxPPATCHyy", b"PATCH"));
        assert!(holds(b"PATCH", b"PATCH"));
        assert!(!holds(b"PATCPATC", b"PATCH"));
    }
}
