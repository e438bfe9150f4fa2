//! Licences that may be linked, by their SPDX expressions.

/// All permissive. `deny.toml` has the same list.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Whether the terms of `expression` can be met by allowed licences alone.
pub(super) fn allowed(expression: &str) -> bool {
    // `MIT/Apache-2.0` is how cargo once wrote OR.
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "\u{1}");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) == Some(true) && rest.is_empty()
}

/// `term OR term ...`; AND binds closer. None where it is no expression.
fn any(words: &mut &[&str]) -> Option<bool> {
    let mut verdict = all(words)?;
    while let Some((&"OR", rest)) = words.split_first() {
        *words = rest;
        verdict |= all(words)?;
    }
    Some(verdict)
}

fn all(words: &mut &[&str]) -> Option<bool> {
    let mut verdict = one(words)?;
    while let Some((&"AND", rest)) = words.split_first() {
        *words = rest;
        verdict &= one(words)?;
    }
    Some(verdict)
}

fn one(words: &mut &[&str]) -> Option<bool> {
    let (word, rest) = words.split_first()?;
    *words = rest;
    if *word != "(" {
        return Some(ALLOWED.contains(&word.replace('\u{1}', " WITH ").as_str()));
    }
    let verdict = any(words)?;
    let (close, rest) = words.split_first()?;
    *words = rest;
    (*close == ")").then_some(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged_by_their_parts() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "GPL-3.0 OR MIT",
            "MIT AND BSD-3-Clause",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-2.0) AND LGPL-3.0", "MIT OR", "(MIT", "MIT MIT", "MPL-2.0"]
        {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
