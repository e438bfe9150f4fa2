//! One definition for each section of the configuration: the struct that is read, its defaults, what the commented file
//! that `patchwharf init` writes says of each key, and what `settings show` tells of it.

use std::{fmt::Display, net::SocketAddr, time::Duration};

use camino::Utf8PathBuf;
use patchwharf_model::span;

use super::Hidden;

/// A key of the configuration file.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name in the file.
    pub(crate) name: String,
    /// What it means, a line each.
    pub(crate) meaning: &'static [&'static str],
    /// What it is.
    pub(crate) value: Shown,
}

/// What a key is.
#[derive(Debug)]
pub(crate) enum Shown {
    /// A value.
    Value(toml::Value),
    /// Nothing; an example of what it may be, as TOML.
    Unset(&'static str),
    /// Something that may hold a password.
    Hidden,
    /// A section of keys.
    Section(Vec<Key>),
}

/// What can stand in the configuration file. `example` is TOML, for values that are not set by default.
pub(crate) trait Setting {
    fn shown(&self, example: &'static str) -> Shown;
}

/// A section of the configuration file.
pub(crate) trait Section {
    /// Its keys with their values, in order.
    fn keys(&self) -> Vec<Key>;
}

impl<S: Section> Setting for S {
    fn shown(&self, _: &'static str) -> Shown {
        Shown::Section(self.keys())
    }
}

/// Things that show as a quoted text.
macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            fn shown(&self, _: &'static str) -> Shown {
                Shown::Value(toml::Value::String(self.to_string()))
            }
        }
    )+};
}
as_text!(String, SocketAddr, Utf8PathBuf);

/// Numbers; TOML has none that are greater than `i64`.
macro_rules! as_number {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            fn shown(&self, _: &'static str) -> Shown {
                Shown::Value(toml::Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX)))
            }
        }
    )+};
}
as_number!(u32, u64, usize);

impl Setting for bool {
    fn shown(&self, _: &'static str) -> Shown {
        Shown::Value(toml::Value::Boolean(*self))
    }
}

impl Setting for Duration {
    fn shown(&self, _: &'static str) -> Shown {
        Shown::Value(toml::Value::String(span::written(*self)))
    }
}

impl<T> Setting for Option<Hidden<T>> {
    fn shown(&self, example: &'static str) -> Shown {
        self.as_ref().map_or(Shown::Unset(example), |_| Shown::Hidden)
    }
}

/// What may be not set at all: a text, a path.
macro_rules! optional {
    ($($type:ty),+) => {$(
        impl Setting for Option<$type> {
            fn shown(&self, example: &'static str) -> Shown {
                self.as_ref().map_or(Shown::Unset(example), |value| value.shown(example))
            }
        }
    )+};
}
optional!(String, Utf8PathBuf);

impl<T: Display> Setting for Vec<T> {
    fn shown(&self, example: &'static str) -> Shown {
        match self.is_empty() {
            true => Shown::Unset(example),
            false => Shown::Value(self.iter().map(ToString::to_string).collect::<Vec<_>>().into()),
        }
    }
}

/// Declares a section: `name: Type = default`, then `, example "TOML"` where nothing is set by default. Keys after
/// `elsewhere` are not in the file.
macro_rules! section {
    ($(#[doc = $about:literal])+ $vis:vis struct $section:ident {
        $($(#[doc = $doc:literal])+ $(#[serde($($serde:tt)+)])* $name:ident: $type:ty = $default:expr
            $(, example $example:literal)?;)+
        $(elsewhere { $($(#[doc = $other_doc:literal])+ $other:ident: $other_type:ty = $other_default:expr;)+ })?
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
        $vis struct $section {
            $($(#[doc = $doc])+ $(#[serde($($serde)+)])* pub $name: $type,)+
            $($($(#[doc = $other_doc])+ #[serde(skip)] pub $other: $other_type,)+)?
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($name: $default,)+ $($($other: $other_default,)+)? }
            }
        }

        impl $crate::config::section::Section for $section {
            fn keys(&self) -> Vec<$crate::config::section::Key> {
                vec![$($crate::config::section::Key {
                    name: stringify!($name).replace('_', "-"),
                    meaning: &[$($doc),+],
                    value: $crate::config::section::Setting::shown(&self.$name, concat!($($example)?)),
                }),+]
            }
        }
    };
}
pub(crate) use section;
