//! Settings that are lists: the custom severities that bulletins can be given, the languages that imports take.

use patchwharf_db::settings;
use patchwharf_model::api::{Clause, ClauseField, FeedRules};

use crate::app::App;

/// Names that can be given to bulletins as their custom severity.
pub(crate) const SEVERITY_LEVELS: &str = "severity.levels";
/// Languages whose files imports take.
pub(crate) const LANGUAGES: &str = "feeds.languages";

/// No list: any name.
pub(super) const ANY: &str = "any";
/// No list: every language.
pub(super) const EVERY: &str = "all";

/// Most characters of a custom severity.
const LONGEST_LEVEL: usize = 50;
/// Most names of a list.
const MOST: usize = 50;

/// Whether a text can be a custom severity.
pub(crate) fn is_level(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_LEVEL && !text.chars().any(char::is_control)
}

/// Names with commas between them, the gravest first; none: any name will do.
pub(crate) fn levels(text: &str) -> Result<Option<Vec<String>>, String> {
    let Some(names) = list(text, ANY)? else { return Ok(None) };
    match names.iter().find(|name| !is_level(name)) {
        Some(name) => Err(format!("{name:?} has more than {LONGEST_LEVEL} characters, or control characters")),
        None => Ok(Some(names)),
    }
}

/// Languages with commas between them; none: every language.
pub(crate) fn languages(text: &str) -> Result<Option<Vec<String>>, String> {
    let Some(names) = list(text, EVERY)? else { return Ok(None) };
    let good = |name: &String| name.len() <= 35 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-*?".contains(c));
    match names.iter().find(|name| !good(name)) {
        Some(name) => Err(format!("{name:?} is no language: write en, pt-BR or de*")),
        None => Ok(Some(names)),
    }
}

fn list(text: &str, none: &str) -> Result<Option<Vec<String>>, String> {
    if text.trim().eq_ignore_ascii_case(none) {
        return Ok(None);
    }
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(format!("there is an empty name in the list: write names with commas between them, or {none}"));
    }
    if names.len() > MOST {
        return Err(format!("there are more than {MOST} names"));
    }
    let same = |(at, name): (usize, &String)| names.iter().take(at).any(|other| other.eq_ignore_ascii_case(name));
    if let Some((_, name)) = names.iter().enumerate().find(|(at, name)| same((*at, name))) {
        return Err(format!("{name:?} stands twice"));
    }
    Ok(Some(names))
}

/// The name of the list that a text means; a list that cannot be understood counts as none.
///
/// # Errors
/// It is not in the list: the list.
pub(crate) async fn level(app: &App, text: &str) -> patchwharf_db::Result<Result<String, Vec<String>>> {
    let set = settings::get(&app.db, SEVERITY_LEVELS).await?.and_then(|set| levels(&set).ok().flatten());
    Ok(match set {
        None => Ok(text.to_owned()),
        Some(names) => names.iter().find(|name| name.eq_ignore_ascii_case(text.trim())).cloned().ok_or(names),
    })
}

/// A feed's rules with the languages that are set, where it has no rule of its own about which to take.
pub(crate) async fn speaking(app: &App, mut rules: FeedRules) -> patchwharf_db::Result<FeedRules> {
    if rules.include.iter().any(|clause| clause.field == ClauseField::Language) {
        return Ok(rules);
    }
    let set = settings::get(&app.db, LANGUAGES).await?.and_then(|set| languages(&set).ok().flatten());
    let clause = |pattern| Clause { field: ClauseField::Language, pattern };
    rules.include.extend(set.into_iter().flatten().map(clause));
    Ok(rules)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_are_read_as_people_write_them() {
        assert_eq!(levels("any"), Ok(None));
        assert_eq!(levels("Urgent ,This month").unwrap().unwrap(), ["Urgent", "This month"]);
        assert_eq!(languages("all"), Ok(None));
        assert_eq!(languages("en, de*").unwrap().unwrap(), ["en", "de*"]);
        for bad in ["", "a,,b", "a, A", &"x".repeat(51), "a\u{7}b"] {
            assert!(levels(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "en us", "en,", "en/us"] {
            assert!(languages(bad).is_err(), "{bad:?}");
        }
    }
}
