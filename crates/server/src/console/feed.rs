//! One catalogue feed: where it comes from, which updates are taken, when, and what is staged by itself.

use std::{fmt::Write as _, sync::Arc};

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_model::{
    Severity, Timestamp,
    api::{Clause, ClauseField, Feed, FeedRules, FeedSource},
};

use super::{page, shell::Shell, when::WhenOr};
use crate::{
    access::Principal,
    api::{ApiResult, Path, Shared, feeds},
    operations::import,
};

/// A row of the form: what is taken, or left out, by one field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    includes: bool,
    field: ClauseField,
    /// One a line; a severity that the form can name stands alone.
    values: Vec<String>,
}

impl Row {
    /// Rules as rows: what one field must be is one row, however many clauses say so.
    fn all(rules: &FeedRules) -> Vec<Self> {
        let mut rows: Vec<Self> = Vec::new();
        for (includes, clauses) in [(true, &rules.include), (false, &rules.exclude)] {
            for Clause { field, pattern } in clauses {
                let same = |row: &&mut Self| row.includes == includes && row.field == *field;
                match rows.iter_mut().find(same).filter(|_| *field != ClauseField::Severity) {
                    Some(row) => row.values.push(pattern.clone()),
                    None => rows.push(Self { includes, field: *field, values: vec![pattern.clone()] }),
                }
            }
        }
        rows
    }

    fn blank() -> Self {
        Self { includes: true, field: ClauseField::Vendor, values: Vec::new() }
    }

    fn fields(&self) -> [ClauseField; 7] {
        ClauseField::ALL.map(|(field, _)| field)
    }

    fn text(&self) -> String {
        self.values.join("\n")
    }

    fn lines(&self) -> usize {
        self.values.len().clamp(1, 8)
    }

    /// Whether its value is chosen from the severities that there are.
    fn grades(&self) -> bool {
        self.field == ClauseField::Severity && grades().iter().any(|(value, _)| self.values == [value.as_str()])
    }

    fn grade_choices(&self) -> Vec<(String, String, bool)> {
        let chosen = |value: &String| self.values.first() == Some(value);
        grades().into_iter().map(|(value, words)| (value.clone(), words, chosen(&value))).collect()
    }
}

/// What a severity can be asked to be, the gravest first: the pattern, and in words.
fn grades() -> Vec<(String, String)> {
    let between = |severity: &Severity| !matches!(severity, Severity::NotRated | Severity::Critical);
    let choices = Severity::ALL.into_iter().rev().flat_map(|severity| {
        let least = Some(severity).filter(between).map(|least| (format!(">={least}"), format!("{least} or graver")));
        least.into_iter().chain([(severity.to_string(), severity.to_string())])
    });
    choices.collect()
}

/// Rules as a sentence's end: `everything`, `only vendor HP; not classification Drivers`.
pub(super) fn in_words(rules: &FeedRules) -> String {
    let rows = Row::all(rules);
    let mut words = String::new();
    for (includes, before) in [(true, "only "), (false, "not ")] {
        let mut fields: Vec<(ClauseField, Vec<String>)> = Vec::new();
        for row in rows.iter().filter(|row| row.includes == includes) {
            let values = row.values.iter().map(|value| said(row.field, value));
            match fields.iter_mut().find(|(field, _)| *field == row.field) {
                Some((_, known)) => known.extend(values),
                None => fields.push((row.field, values.collect())),
            }
        }
        let join = if includes { ", and " } else { ", " };
        let told: Vec<_> = fields.iter().map(|(field, values)| format!("{field} {}", values.join(" or "))).collect();
        if !told.is_empty() {
            let gap = if words.is_empty() { "" } else { "; " };
            // Writing to a text does not fail.
            let _ = write!(words, "{gap}{before}{}", told.join(join));
        }
    }
    if words.is_empty() { "everything".to_owned() } else { words }
}

fn said(field: ClauseField, value: &str) -> String {
    match value.strip_prefix(">=") {
        Some(least) if field == ClauseField::Severity => format!("{} or graver", least.trim()),
        _ => value.to_owned(),
    }
}

/// Minutes as the largest unit that fits: the number, and the minutes of the unit.
fn every(minutes: u32) -> (u32, u32) {
    let unit = [1440, 60].into_iter().find(|unit| minutes.is_multiple_of(*unit)).unwrap_or(1);
    (minutes / unit, unit)
}

#[derive(Template)]
#[template(path = "feed.html")]
struct Show {
    shell: Shell,
    feed: Feed,
}

impl Show {
    fn perhaps(&self, at: &Option<Timestamp>) -> WhenOr {
        WhenOr(*at, "never")
    }

    /// Whether the last import was held back for somebody to confirm it.
    fn is_held(&self) -> bool {
        import::is_held(&self.feed.last_error)
    }

    fn taken(&self) -> Vec<Row> {
        Row::all(&self.feed.rules)
    }

    fn staged(&self) -> Vec<Row> {
        self.feed.auto_stage.as_ref().map(Row::all).unwrap_or_default()
    }

    fn blank(&self) -> Row {
        Row::blank()
    }

    fn in_words(&self, rules: &FeedRules) -> String {
        in_words(rules)
    }

    fn stages_all(&self) -> bool {
        self.feed.auto_stage.as_ref().is_some_and(FeedRules::is_empty)
    }

    fn stages_some(&self) -> bool {
        self.feed.auto_stage.as_ref().is_some_and(|rules| !rules.is_empty())
    }

    fn every(&self) -> (u32, u32) {
        self.feed.schedule_minutes.map_or((1, 1440), every)
    }

    fn units(&self) -> [(u32, &'static str); 3] {
        [(1, "minutes"), (60, "hours"), (1440, "days")]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        match &self.feed.source {
            FeedSource::Sdp(source) => {
                vec![("Kind", "SDP catalogue".to_owned()), ("Mirrors", source.mirrors.join(", "))]
            }
            FeedSource::Apt(source) => vec![
                ("Kind", "signed apt archive".to_owned()),
                ("Suite", source.suite.clone()),
                ("Components", source.components.join(", ")),
                ("Architectures", source.architectures.join(", ")),
                ("Advisories", source.advisories.clone().unwrap_or_default()),
                ("Mirrors", source.mirrors.join(", ")),
                ("Keys that prove it", source.keys.join(", ")),
            ],
        }
    }
}

/// The page.
pub(super) async fn show(State(app): Shared, who: Principal, Path(name): Path<String>) -> ApiResult<Response> {
    let feed = feeds::show(State(Arc::clone(&app)), Path(name)).await?.0;
    page::html(&Show { shell: Shell::new(who, "/console/feeds", "feed.js"), feed })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rules(include: &[&str], exclude: &[&str]) -> FeedRules {
        let read = |clauses: &[&str]| clauses.iter().map(|clause| clause.parse().unwrap()).collect();
        FeedRules { include: read(include), exclude: read(exclude) }
    }

    #[test]
    fn rules_are_said_in_words_and_stand_one_row_for_each_field() {
        assert_eq!(in_words(&rules(&[], &[])), "everything");
        let some = rules(&["vendor=HP*", "severity=>=important", "vendor=Dell"], &["classification=Drivers"]);
        assert_eq!(
            in_words(&some),
            "only vendor HP* or Dell, and severity important or graver; not classification Drivers"
        );
        let rows = Row::all(&some);
        assert_eq!(rows.iter().map(Row::text).collect::<Vec<_>>(), ["HP*\nDell", ">=important", "Drivers"]);
        assert_eq!(rows.iter().map(Row::grades).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(in_words(&rules(&[], &["name=a", "language=de"])), "not name a, language de");
    }

    #[test]
    fn a_schedule_is_said_in_its_largest_unit() {
        assert_eq!([every(2880), every(90), every(120), every(5)], [(2, 1440), (90, 1), (2, 60), (5, 1)]);
    }
}
