//! What a page's address asks for, as the API takes it, and the addresses of its neighbours.

use axum::http::Uri;
use patchwharf_model::api::Code;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::api::{ApiError, ApiResult};

/// Where a page of a table begins, for people; the API pages by key and does not know.
const AT: &str = "at";
/// No table has more rows: a number beyond is nobody's.
const MOST_ROWS: u64 = 1_000_000_000_000;

/// A condition that no field of the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) without: String,
}

/// The parameters of a page's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Asked {
    /// As a form sends them: empty fields left out, a field that stands several times as one list, days as times.
    pub(super) fn of(uri: &Uri) -> Self {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let value = if is_day(value) && (name.ends_with("_from") || name.ends_with("_before") || name == "since") {
                format!("{value}T00:00:00Z")
            } else {
                value.to_owned()
            };
            match pairs.iter_mut().find(|(known, _)| *known == name) {
                Some((_, list)) => *list = format!("{list},{value}"),
                None => pairs.push((name.into_owned(), value)),
            }
        }
        Self { path: uri.path().to_owned(), pairs }
    }

    /// As the API takes them.
    ///
    /// # Errors
    /// `invalid-query`.
    pub(super) fn read<T: DeserializeOwned>(&self) -> ApiResult<T> {
        let uri: Uri = self
            .written(self.pairs.iter().filter(|(name, _)| name != AT))
            .parse()
            .map_err(|_| ApiError::new(Code::InvalidQuery, "The address of this page cannot be read."))?;
        let query = axum::extract::Query::<T>::try_from_uri(&uri);
        query.map(|query| query.0).map_err(|refused| ApiError::new(Code::InvalidQuery, refused.body_text()))
    }

    /// A parameter.
    pub(super) fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether a list has a value.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.get(name).split(',').any(|one| one == value)
    }

    /// The value of a list where it is more than one, and how it reads: a field that chooses one value has to show it as it is.
    pub(super) fn several(&self, name: &str) -> Option<(&str, String)> {
        let value = self.get(name);
        value.contains(',').then(|| (value, value.replace(',', ", ")))
    }

    /// What is asked for beside some fields of a form, which it must send along in order not to forget it.
    pub(super) fn kept(&self, fields: &[&str]) -> Vec<(&str, &str)> {
        let begins_anew = ["cursor", AT];
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !fields.contains(name) && !begins_anew.contains(name)).collect()
    }

    /// Of that the conditions, to be shown, each with the page without it.
    pub(super) fn conditions(&self, fields: &[&str]) -> Vec<Condition> {
        let order = ["sort", "order", "limit"];
        let kept = self.kept(fields).into_iter().filter(|(name, _)| !order.contains(name));
        kept.map(|(name, value)| Condition {
            name: match name {
                "cve" | "kb" => name.to_uppercase(),
                _ => name.replace('_', " "),
            },
            value: value.strip_suffix("T00:00:00Z").unwrap_or(value).to_owned(),
            without: self.written(self.without(&["cursor", AT, name]).iter()),
        })
        .collect()
    }

    /// The day of a time, as a field for days takes it.
    pub(super) fn day(&self, name: &str) -> &str {
        self.get(name).get(..10).unwrap_or_default()
    }

    /// The number of the first row.
    pub(super) fn first_row(&self) -> u64 {
        self.get(AT).parse().unwrap_or(1).clamp(1, MOST_ROWS)
    }

    /// Whether anything is asked for but an order: also a place after which there may be nothing any more.
    pub(super) fn narrows(&self) -> bool {
        self.pairs.iter().any(|(name, _)| !matches!(name.as_str(), "sort" | "order" | "limit" | AT))
    }

    /// The same page.
    pub(super) fn here(&self) -> String {
        self.written(self.pairs.iter())
    }

    /// The page without its place: from the beginning.
    pub(super) fn start(&self) -> String {
        self.written(self.pairs.iter().filter(|(name, _)| name != "cursor" && name != AT))
    }

    /// Everything that fits, as a file from the API.
    pub(super) fn exported(&self, path: &str, format: &str) -> String {
        let mut pairs = self.without(&["cursor", "limit", AT]);
        pairs.push(("format".into(), format.to_owned()));
        Self { path: path.to_owned(), pairs: Vec::new() }.written(pairs.iter())
    }

    /// What is asked for but order and place: the same for all pages of one selection.
    pub(super) fn filter(&self) -> String {
        let place = ["sort", "order", "cursor", "limit", AT];
        self.written(self.pairs.iter().filter(|(name, _)| !place.contains(&name.as_str())))
    }

    /// The next page.
    pub(super) fn next(&self, cursor: &str, first_row: u64) -> String {
        let mut pairs = self.without(&["cursor", AT]);
        pairs.push(("cursor".into(), cursor.to_owned()));
        pairs.push((AT.into(), first_row.to_string()));
        self.written(pairs.iter())
    }

    /// The same from the beginning, in another order; asked again, in the other direction.
    pub(super) fn sorted(&self, by: &str) -> String {
        let ascends = self.get("sort") == by && self.get("order") != "descending";
        let mut pairs = self.without(&["cursor", AT, "sort", "order"]);
        pairs.push(("sort".into(), by.to_owned()));
        pairs.push(("order".into(), if ascends { "descending" } else { "ascending" }.to_owned()));
        self.written(pairs.iter())
    }

    /// How a column is sorted, as `aria-sort` says it.
    pub(super) fn direction(&self, by: &str, default: &str, order: &str) -> &'static str {
        let (sort, order) =
            if self.get("sort").is_empty() { (default, order) } else { (self.get("sort"), self.get("order")) };
        match (sort == by, order) {
            (true, "descending") => "descending",
            (true, _) => "ascending",
            (false, _) => "none",
        }
    }

    fn without(&self, names: &[&str]) -> Vec<(String, String)> {
        self.pairs.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect()
    }

    fn written<'a>(&self, pairs: impl Iterator<Item = &'a (String, String)>) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use patchwharf_model::api::BulletinQuery;

    use super::*;

    fn asked(text: &str) -> Asked {
        Asked::of(&text.parse().unwrap())
    }

    #[test]
    fn a_forms_empty_fields_and_lists_and_days_become_what_the_api_takes() {
        let asked =
            asked("/console/bulletins?text=&state=enabled&state=damaged&revised_from=2026-11-01&vendor=&at=101");
        let query: BulletinQuery = asked.read().unwrap();
        assert_eq!((query.text.as_deref(), query.state.0.len()), (None, 2));
        assert_eq!(query.revised_from.unwrap().to_string(), "2026-11-01T00:00:00Z");
        assert!(asked.has("state", "damaged") && asked.narrows());
        assert_eq!((asked.day("revised_from"), asked.first_row()), ("2026-11-01", 101));
        assert_eq!(self::asked("/c?at=0").first_row(), 1);
        assert_eq!(self::asked("/c?at=18446744073709551615").first_row(), MOST_ROWS);
        assert!(self::asked("/c?colour=red").read::<BulletinQuery>().is_err());
    }

    #[test]
    fn what_no_field_shows_is_kept_and_can_be_taken_away() {
        let asked = asked("/c?text=a&cve=CVE-1&released_from=2026-11-01&state=a,b&sort=name&cursor=ff&at=9");
        let fields = ["text", "state"];
        assert_eq!(
            asked.kept(&fields),
            [("cve", "CVE-1"), ("released_from", "2026-11-01T00:00:00Z"), ("sort", "name")]
        );
        let conditions = asked.conditions(&fields);
        assert_eq!((conditions[0].name.as_str(), conditions[0].value.as_str()), ("CVE", "CVE-1"));
        assert_eq!((conditions[1].name.as_str(), conditions[1].value.as_str()), ("released from", "2026-11-01"));
        assert_eq!(conditions[1].without, "/c?text=a&cve=CVE-1&state=a%2Cb&sort=name");
        assert_eq!(
            (conditions.len(), asked.several("state"), asked.several("text")),
            (2, Some(("a,b", "a, b".to_owned())), None)
        );
    }

    #[test]
    fn neighbours_keep_the_filter() {
        let asked = asked("/c?text=a%26b&cursor=ff&at=101&sort=name");
        assert_eq!(asked.start(), "/c?text=a%26b&sort=name");
        assert_eq!(asked.filter(), "/c?text=a%26b");
        assert_eq!(asked.next("ab", 201), "/c?text=a%26b&sort=name&cursor=ab&at=201");
        assert_eq!(asked.sorted("name"), "/c?text=a%26b&sort=name&order=descending");
        assert_eq!(asked.sorted("revised"), "/c?text=a%26b&sort=revised&order=ascending");
        assert_eq!(
            (asked.direction("name", "name", ""), asked.direction("revised", "name", "")),
            ("ascending", "none")
        );
    }
}
