//! Finds the security archive that this machine already trusts, in its apt sources.
//!
//! Formats: sources.list(5), both the one-line style and the deb822 style.

use std::{fs, path::Path};

use camino::{Utf8Path, Utf8PathBuf};

/// A security archive and the keyring by which apt believes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) url: String,
    pub(crate) suite: String,
    pub(crate) component: String,
    pub(crate) keyring: Utf8PathBuf,
}

/// Where apt keeps its lists below `root`, and the keyring used when a source names none.
const LIST: &str = "etc/apt/sources.list";
const PARTS: &str = "etc/apt/sources.list.d";
const DEFAULT_KEYRINGS: [&str; 2] =
    ["usr/share/keyrings/debian-archive-keyring.gpg", "usr/share/keyrings/ubuntu-archive-keyring.gpg"];

/// The first security suite in the apt sources below `root` (`/` in earnest) whose keyring is at hand.
pub(crate) fn security_archive(root: &Utf8Path) -> Option<Archive> {
    let mut files = vec![root.join(LIST)];
    let mut parts: Vec<_> = fs::read_dir(root.join(PARTS))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Utf8PathBuf::from_path_buf(entry.path()).ok())
        .collect();
    parts.sort();
    files.append(&mut parts);
    files
        .iter()
        .filter_map(|file| Some((file, fs::read_to_string(file).ok()?)))
        .flat_map(|(file, text)| match file.extension() {
            Some("sources") => deb822(&text),
            Some("list") => text.lines().filter_map(one_line).collect(),
            _ => Vec::new(),
        })
        .filter(|source| source.suite.ends_with("-security"))
        .find_map(|source| source.with_keyring(root))
}

/// A source as written, before its keyring is looked for.
struct Source {
    url: String,
    suite: String,
    component: String,
    signed_by: Option<String>,
}

impl Source {
    fn with_keyring(self, root: &Utf8Path) -> Option<Archive> {
        let named = self.signed_by.iter().map(|path| path.trim_start_matches('/'));
        let keyring = match &self.signed_by {
            // An inline key or a fingerprint instead of a path: nothing that can be pinned as a file.
            Some(value) if !value.starts_with('/') => return None,
            Some(_) => named.map(|path| root.join(path)).find(|path| Path::new(path).is_file()),
            None => DEFAULT_KEYRINGS.iter().map(|path| root.join(path)).find(|path| Path::new(path).is_file()),
        }?;
        Some(Archive { url: self.url, suite: self.suite, component: self.component, keyring })
    }
}

/// `deb [options] uri suite component...`
fn one_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", rest),
    };
    let signed_by =
        options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(ToOwned::to_owned);
    let mut words = rest.split_whitespace();
    let (url, suite) = (words.next()?, words.next()?);
    let component = words.next()?;
    web(url).then(|| Source {
        url: url.to_owned(),
        suite: suite.to_owned(),
        component: component.to_owned(),
        signed_by,
    })
}

/// Stanzas of `Types:`, `URIs:`, `Suites:`, `Components:`, `Signed-By:`; every combination of URI and suite is a source.
fn deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let uncommented: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for stanza in uncommented.split(|line| line.trim().is_empty()) {
        let field = |name: &str| {
            stanza.iter().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let is_deb = field("Types").is_some_and(|types| types.split_whitespace().any(|kind| kind == "deb"));
        let disabled = field("Enabled").is_some_and(|value| matches!(value, "no" | "false" | "0" | "off"));
        let (Some(uris), Some(suites), Some(components)) = (field("URIs"), field("Suites"), field("Components")) else {
            continue;
        };
        if !is_deb || disabled {
            continue;
        }
        for url in uris.split_whitespace().filter(|url| web(url)) {
            for suite in suites.split_whitespace() {
                let component = components.split_whitespace().next().unwrap_or("main").to_owned();
                let signed_by = field("Signed-By").filter(|value| !value.is_empty()).map(ToOwned::to_owned);
                sources.push(Source { url: url.to_owned(), suite: suite.to_owned(), component, signed_by });
            }
        }
    }
    sources
}

fn web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// Debian's name of this machine's architecture.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        "arm" => "armhf",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (dir, root)
    }

    #[test]
    fn a_deb822_source_is_found_with_its_keyring() {
        let (_dir, root) = machine(&[
            (
                "etc/apt/sources.list.d/debian.sources",
                "Types: deb\n# a remark\nURIs: http://deb.example/debian\nSuites: bookworm bookworm-updates\n\
                 Components: main\nSigned-By: /usr/share/keyrings/d.gpg\n\nTypes: deb deb-src\n\
                 URIs: http://deb.example/debian-security\nSuites: bookworm-security\nComponents: main contrib\n\
                 Signed-By: /usr/share/keyrings/d.gpg\n",
            ),
            ("usr/share/keyrings/d.gpg", "key"),
        ]);
        let found = security_archive(&root).unwrap();
        assert_eq!(found.url, "http://deb.example/debian-security");
        assert_eq!((found.suite.as_str(), found.component.as_str()), ("bookworm-security", "main"));
        assert_eq!(found.keyring, root.join("usr/share/keyrings/d.gpg"));
    }

    #[test]
    fn a_one_line_source_is_found_with_the_default_keyring() {
        let (_dir, root) = machine(&[
            (
                "etc/apt/sources.list",
                "# old\ndeb [arch=amd64] http://security.example/ubuntu jammy-security main universe\n",
            ),
            ("usr/share/keyrings/ubuntu-archive-keyring.gpg", "key"),
        ]);
        let found = security_archive(&root).unwrap();
        assert_eq!(found.suite, "jammy-security");
        assert_eq!(found.component, "main");
    }

    #[test]
    fn a_source_without_its_keyring_is_not_used() {
        let (_dir, root) = machine(&[(
            "etc/apt/sources.list",
            "deb [signed-by=/none.gpg] http://security.example/d x-security main\n",
        )]);
        assert_eq!(security_archive(&root), None);
    }

    #[test]
    fn disabled_and_local_sources_are_passed_over() {
        let (_dir, root) = machine(&[
            (
                "etc/apt/sources.list.d/a.sources",
                "Types: deb\nEnabled: no\nURIs: http://x.example/s\nSuites: x-security\nComponents: main\n",
            ),
            ("etc/apt/sources.list", "deb file:/srv/mirror x-security main\n"),
            ("usr/share/keyrings/debian-archive-keyring.gpg", "key"),
        ]);
        assert_eq!(security_archive(&root), None);
    }
}
