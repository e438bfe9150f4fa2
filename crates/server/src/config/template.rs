//! The configuration file that `patchwharf init` writes: every key with its meaning and its default, commented out.

use super::{
    Config,
    section::{Key, Section as _, Shown},
};

const HEAD: &str = "\
# The configuration of Patchwharf. Every key stands here with its default, commented out: take the # away to change it,
# then restart the server (systemctl restart patchwharf). Flags and environment of `patchwharf serve` win over this file.
";

/// The file, with the defaults of `config`.
pub(crate) fn of(config: &Config) -> String {
    let mut text = HEAD.to_owned();
    put(&mut text, "", config.keys());
    text
}

fn put(text: &mut String, prefix: &str, keys: Vec<Key>) {
    let (sections, keys): (Vec<Key>, Vec<Key>) =
        keys.into_iter().partition(|key| matches!(key.value, Shown::Section(_)));
    for key in keys {
        text.push('\n');
        comment(text, key.meaning);
        match key.value {
            Shown::Value(value) => text.push_str(&format!("#{} = {value}\n", key.name)),
            Shown::Unset(example) => text.push_str(&format!("# Not set. Example:\n# {} = {example}\n", key.name)),
            Shown::Section(_) | Shown::Hidden => {}
        }
    }
    for key in sections {
        let Shown::Section(inner) = key.value else { continue };
        let name = format!("{prefix}{}", key.name);
        text.push('\n');
        comment(text, key.meaning);
        text.push_str(&format!("[{name}]\n"));
        put(text, &format!("{name}."), inner);
    }
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        text.push_str(format!("#{line}").trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A key that somebody took the `#` away from.
    fn uncommented(line: &str) -> &str {
        let key = line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        key.unwrap_or(line)
    }

    fn example(line: &str) -> &str {
        let is_example = |rest: &&str| {
            let name = rest.split(" = ").next().unwrap_or_default();
            rest.contains(" = ") && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        };
        line.strip_prefix("# ").filter(is_example).unwrap_or(line)
    }

    fn read(text: &str) -> Config {
        Config::parse("patchwharf.toml".into(), text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn every_default_as_it_stands_in_the_file_is_the_default_of_the_program() {
        let file = of(&Config::default());
        let defaults = format!("{:?}", Config::default());
        assert_eq!(format!("{:?}", read(&file)), defaults, "with everything commented out");
        let all: Vec<&str> = file.lines().map(uncommented).collect();
        assert_eq!(format!("{:?}", read(&all.join("\n"))), defaults, "with every default written out");
    }

    #[test]
    fn every_example_can_be_used_and_changes_something() {
        let file = of(&Config::default());
        let examples = file.lines().filter(|line| example(line) != *line).count();
        assert!(examples >= 8, "{examples}");
        for line in file.lines().filter(|line| example(line) != *line) {
            let text: Vec<&str> =
                file.lines().map(|other| if other == line { example(other) } else { other }).collect();
            assert_ne!(format!("{:?}", read(&text.join("\n"))), format!("{:?}", Config::default()), "{line}");
        }
    }

    #[test]
    fn every_key_has_its_place_and_its_meaning() {
        fn count(keys: Vec<Key>, file: &str) -> usize {
            let own = keys.into_iter().map(|key| {
                assert!(!key.meaning.is_empty() && key.meaning.iter().any(|line| line.len() > 8), "{}", key.name);
                match key.value {
                    Shown::Section(inner) => count(inner, file),
                    _ => {
                        assert!(file.contains(&format!("{} = ", key.name)), "{}", key.name);
                        1
                    }
                }
            });
            own.sum()
        }
        let file = of(&Config::default());
        assert!(count(Config::default().keys(), &file) >= 40);
    }
}
