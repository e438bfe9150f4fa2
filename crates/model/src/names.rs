//! File names that vendors give. They are data until proved to be one harmless path component.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// A file name that is safe as one path component on Linux and Windows alike.
///
/// No separators, not `.` or `..`, no control or bidirectional-override characters, no characters that Windows
/// forbids (so no alternate streams), no trailing dot or space, no device name, at most 255 bytes, not a name that the
/// store keeps for itself (`package.json`, anything with a leading dot).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FileName(String);

/// Why a vendor's file name is refused. The name is shown escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("file name {name:?} is refused: {reason}")]
pub struct BadFileName {
    name: String,
    reason: &'static str,
}

const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

impl FileName {
    /// Checks a vendor's name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self, BadFileName> {
        let name = name.into();
        match refusal(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(BadFileName { name: name.chars().take(300).collect(), reason }),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether Windows takes a name for a device, whatever its extension: `con`, `NUL.txt`, `com1` ...
#[must_use]
pub fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let numbered_port = (stem.starts_with("com") || stem.starts_with("lpt"))
        && stem.chars().count() == 4
        && stem.chars().last().is_some_and(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³'));
    DEVICES.contains(&stem.as_str()) || numbered_port
}

fn refusal(name: &str) -> Option<&'static str> {
    let forbidden = |c: char| {
        c.is_control()
            || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 255 {
        Some("it is longer than 255 bytes")
    } else if name.chars().any(forbidden) {
        Some("it has a separator, a control character or one that Windows forbids in names")
    } else if name.starts_with('.') {
        Some("it begins with a dot")
    } else if name.ends_with('.') || name.ends_with(' ') {
        Some("it ends with a dot or a space")
    } else if name.eq_ignore_ascii_case("package.json") {
        Some("the store keeps this name for its manifest")
    } else if is_device_name(name) {
        Some("it is the name of a Windows device")
    } else {
        None
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl utoipa::PartialSchema for FileName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A file name: one path component, at most 255 bytes"))
            .into()
    }
}

impl utoipa::ToSchema for FileName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let long = "x".repeat(256);
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "C:x",
            "a:stream",
            "CON",
            "con.txt",
            "NUL",
            "com1.exe",
            "LPT9",
            "x.",
            "x ",
            "a\nb",
            "a\0b",
            "evil\u{202e}gpj.exe",
            ".hidden",
            "package.json",
            "Package.JSON",
            "aux .txt",
            &long,
        ] {
            assert!(FileName::new(name).is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn ordinary_names_are_kept() {
        for name in
            ["sp65001.exe", "libc6_2.36-9+deb12u14_amd64.deb", "Überschrift (1).msi", "console.exe", "com10.dll"]
        {
            assert_eq!(FileName::new(name).map(|n| n.as_str().to_owned()), Ok(name.to_owned()));
        }
    }
}
