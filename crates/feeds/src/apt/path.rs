//! Paths inside an archive, and their addresses.

/// Why a path of an archive is refused; none when it is harmless: relative, no empty or dotted components, no
/// characters that addresses or file systems take for something else.
pub(super) fn refusal(path: &str) -> Option<&'static str> {
    if path.len() > 1024 {
        Some("its path is longer than 1024 bytes")
    } else if path.chars().any(|c| c.is_control() || matches!(c, '\\' | '?' | '#')) {
        Some("its path has a control character, a backslash, `?` or `#`")
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("its path is empty, absolute or leads out of the archive")
    } else {
        None
    }
}

/// The address of `path` under `base`, which has no slash at its end.
pub(super) fn address(base: &str, path: &str) -> String {
    let mut address = String::with_capacity(base.len() + path.len() + 1);
    address.push_str(base);
    address.push('/');
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/+:@!$&'()*,;=".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\\b", "a\nb", "a?b", "a#b", "a\0"] {
            assert!(refusal(path).is_some(), "{path:?} was accepted");
        }
        assert_eq!(refusal("pool/updates/main/7/7zip/7zip_22.01+really26.02~1_amd64.deb"), None);
        assert_eq!(refusal("pool/a/..b/c...deb"), None);
    }

    #[test]
    fn addresses_are_escaped() {
        assert_eq!(address("https://x.test/d", "pool/a b%3a_é.deb"), "https://x.test/d/pool/a%20b%253a_%C3%A9.deb");
    }
}
