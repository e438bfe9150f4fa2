//! The configuration as `settings show` tells it: every key of the file with the value that counts. What may hold a password
//! only says that it is set.

use serde_json::{Map, Value};

use super::{
    Config,
    section::{Key, Section as _, Shown},
};

/// Every key, in the words of the file.
pub(crate) fn shown(config: &Config) -> Map<String, Value> {
    let mut map = of(config.keys());
    map.insert("data".into(), config.data.as_str().into());
    map.insert("file".into(), config.file.as_ref().map(ToString::to_string).into());
    map
}

fn of(keys: Vec<Key>) -> Map<String, Value> {
    let value = |shown| match shown {
        Shown::Value(value) => serde_json::to_value(value).unwrap_or_default(),
        Shown::Unset(_) => Value::Null,
        Shown::Hidden => "is set".into(),
        Shown::Section(inner) => of(inner).into(),
    };
    keys.into_iter().map(|key| (key.name, value(key.value))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_counts_is_told_and_no_password_with_it() {
        let text = "database = 'postgres://u:geheim@h/d'\nlease = '90s'\n[retention]\njobs = '14d'\n\
                    [notify.webhook]\nurl = 'https://h.example/geheim'\n[notify.mail]\nto = ['a@b.example']";
        let told = Value::from(shown(&Config::parse("patchwharf.toml".into(), text).unwrap()));
        assert!(!told.to_string().contains("geheim"), "{told}");
        for (pointer, value) in [
            ("/database", "is set".into()),
            ("/lease", "1m 30s".into()),
            ("/retention/jobs", "14d".into()),
            ("/retention/audit", "0s".into()),
            ("/notify/webhook/url", "is set".into()),
            ("/notify/mail/to", serde_json::json!(["a@b.example"])),
            ("/notify/mail/server", Value::Null),
            ("/workers", 4.into()),
        ] {
            assert_eq!(told.pointer(pointer), Some(&value), "{pointer} in {told:#}");
        }
    }
}
