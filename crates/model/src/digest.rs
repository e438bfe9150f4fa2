//! Digest values. They are computed in the `trust` crate; here they are only carried and compared.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Why a text is no digest.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not a {kind} digest: {length} hexadecimal digits are needed")]
pub struct BadDigest {
    kind: &'static str,
    length: usize,
    text: String,
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $label:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for byte in self.0 {
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($label, ":{}"), self)
            }
        }

        impl FromStr for $name {
            type Err = BadDigest;
            fn from_str(text: &str) -> Result<Self, BadDigest> {
                let bad = || BadDigest { kind: $label, length: $bytes * 2, text: text.chars().take(100).collect() };
                if text.len() != $bytes * 2 || !text.is_ascii() {
                    return Err(bad());
                }
                let mut bytes = [0u8; $bytes];
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                    let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(format!("^[0-9a-f]{{{}}}$", $bytes * 2)))
                    .description(Some(concat!($label, " digest, hexadecimal")))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

digest!(
    /// A SHA-256 digest: the identity of content everywhere in this system.
    Sha256, 32, "SHA-256"
);
digest!(
    /// A SHA-1 digest, as old vendor catalogues still give. Good enough to stage a file that also has the right
    /// length, never good enough to offer it to computers without the feed's `accept-sha1`.
    Sha1, 20, "SHA-1"
);
