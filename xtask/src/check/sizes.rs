//! Files stay short: one idea each.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

/// Lines of code without tests that a file may have.
const MAX_LINES: usize = 500;

/// Files that may be longer, and why.
const LONGER: [(&str, &str); 2] = [
    ("crates/db/src/bulletins.rs", "the list with its filters, cursors and text search is one statement made of parts"),
    ("crates/db/src/catalogue.rs", "the statements of one import in the order in which it runs them"),
];

pub(super) fn check() -> Result<()> {
    let mut sizes = Vec::new();
    for folder in ["crates", "bench", "xtask"] {
        collect(Path::new(folder), &mut sizes)?;
    }
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).map_or(0, |(lines, _)| *lines);
    if let Some((lines, longest)) = sizes.last() {
        println!("{} files, median {median} lines, longest {lines} ({})", sizes.len(), longest.display());
    }
    let reason = |path: &Path| LONGER.iter().any(|(name, _)| Path::new(name) == path);
    let over: Vec<String> = sizes
        .iter()
        .filter(|(lines, path)| *lines > MAX_LINES && !reason(path))
        .map(|(lines, path)| format!("{} ({lines})", path.display()))
        .collect();
    if !over.is_empty() {
        bail!(
            "more than {MAX_LINES} lines without tests: {}; split them, or list the reason in {}",
            over.join(", "),
            file!()
        );
    }
    Ok(())
}

fn collect(folder: &Path, sizes: &mut Vec<(usize, PathBuf)>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "tests" | "target") {
                collect(&path, sizes)?;
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            sizes.push((lines_without_tests(&fs::read_to_string(&path)?), path));
        }
    }
    Ok(())
}

fn lines_without_tests(text: &str) -> usize {
    let inline_tests =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(2).position(inline_tests).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_tests_do_not_count() {
        assert_eq!(lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {\nc\n}\n"), 2);
        assert_eq!(lines_without_tests("a\n#[cfg(test)]\nmod tests;\nb\n"), 4);
    }
}
