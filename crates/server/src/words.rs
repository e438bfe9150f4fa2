//! Small words that many texts need.

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

/// A number and its thing: `1 package`, `2 packages`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// In the place of what a job was asked to do, where this version cannot read it.
pub(crate) const UNKNOWN_REQUEST: &str =
    "another version of Patchwharf ordered it, in words that this one does not know";

/// Bytes as people read them.
#[allow(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// Vendors' texts with control characters and text-direction tricks escaped, so that they cannot drive the terminal.
pub(crate) fn harmless(text: &str) -> String {
    harmless_but(text, &['\n'])
}

/// The same, with these control characters left as they are.
pub(crate) fn harmless_but(text: &str, left: &[char]) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let tricky = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (c.is_control() && !left.contains(&c)) || tricky {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// A path as it is from the root on, whether or not it is there.
///
/// # Errors
/// It is empty, or the folder where this runs is gone.
pub(crate) fn absolute(path: &Utf8Path) -> anyhow::Result<Utf8PathBuf> {
    camino::absolute_utf8(path).with_context(|| format!("cannot make {path:?} an absolute path: name it from / on"))
}

/// The name of this machine, with nothing in it that could mean something elsewhere.
pub(crate) fn host() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_texts_cannot_drive_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
    }
}
