//! Kinds and states that have one stable name in API, database and command line.

/// Gives an enum of plain variants its names: `ALL`, `as_str`, `Display`, `FromStr` with an error type of its own.
macro_rules! names {
    ($type:ident, $error:ident, $what:literal, $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name used in API, database and command line.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        /// A text that names no such thing.
        #[derive(Debug, thiserror::Error)]
        #[error("{0:?} is not {what}", what = $what)]
        pub struct $error(String);

        impl std::str::FromStr for $type {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| $error(text.to_owned()))
            }
        }
    };
}
pub(crate) use names;
