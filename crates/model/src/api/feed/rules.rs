//! Include and exclude rules: which updates of a feed are taken, and which of their files.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Severity,
    update::{PayloadFile, UpdateItem},
};

/// Which updates to take. An update is taken when, for every field named by an include clause, one of that field's
/// clauses fits, and no exclude clause fits. Language clauses choose files: files without a language are always taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedRules {
    /// Take only what fits.
    pub include: Vec<Clause>,
    /// Leave out what fits.
    pub exclude: Vec<Clause>,
}

/// What a clause looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClauseField {
    /// The vendor.
    Vendor,
    /// One of the product names.
    Product,
    /// The classification.
    Classification,
    /// The vendor's severity; the pattern may begin with `>=`.
    Severity,
    /// The language of a file (BCP 47).
    Language,
    /// The architecture.
    Architecture,
    /// The update's title or key, or the bulletin's name.
    Name,
}

impl ClauseField {
    /// All fields with their names.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Vendor, "vendor"),
        (Self::Product, "product"),
        (Self::Classification, "classification"),
        (Self::Severity, "severity"),
        (Self::Language, "language"),
        (Self::Architecture, "architecture"),
        (Self::Name, "name"),
    ];
}

impl fmt::Display for ClauseField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::ALL.iter().find(|(field, _)| field == self).map_or("", |(_, name)| name))
    }
}

/// One clause: a field and a pattern, without regard to case, in which `*` stands for any text and `?` for any character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// What it looks at.
    pub field: ClauseField,
    /// What it must look like.
    pub pattern: String,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.field, self.pattern)
    }
}

/// A text that is no clause.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is no rule: write FIELD=PATTERN with one of vendor, product, classification, severity, language, \
     architecture, name, for example classification='Security Updates' or severity='>=important'"
)]
pub struct BadClause {
    text: String,
}

impl FromStr for Clause {
    type Err = BadClause;
    fn from_str(text: &str) -> Result<Self, BadClause> {
        let bad = || BadClause { text: text.to_owned() };
        let (name, pattern) = text.split_once('=').ok_or_else(bad)?;
        let (field, _) = ClauseField::ALL.iter().find(|(_, n)| n.eq_ignore_ascii_case(name.trim())).ok_or_else(bad)?;
        let clause = Self { field: *field, pattern: pattern.trim().to_owned() };
        if clause.is_valid() { Ok(clause) } else { Err(bad()) }
    }
}

impl Clause {
    /// Whether the pattern can fit anything at all: not empty, and a known severity where one is asked for.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let known = || self.pattern.trim_start_matches(">=").trim().parse::<Severity>().is_ok();
        !self.pattern.is_empty()
            && self.pattern.len() <= 500
            && (self.field != ClauseField::Severity || known() || self.pattern.contains(['*', '?']))
    }

    fn fits(&self, item: &UpdateItem) -> bool {
        let fits = |text: &str| glob(&self.pattern, text);
        match self.field {
            ClauseField::Vendor => fits(&item.vendor),
            ClauseField::Product => item.products.iter().any(|product| fits(product)),
            ClauseField::Classification => fits(&item.classification),
            ClauseField::Severity => {
                match self.pattern.strip_prefix(">=").map(|name| name.trim().parse::<Severity>()) {
                    Some(Ok(least)) => item.severity >= least,
                    Some(Err(_)) => false,
                    None => fits(item.severity.as_str()),
                }
            }
            ClauseField::Architecture => fits(&item.architecture),
            ClauseField::Name => fits(&item.title) || fits(&item.key) || fits(&item.bulletin),
            ClauseField::Language => false,
        }
    }

    fn fits_language(&self, file: &PayloadFile) -> bool {
        file.languages.iter().any(|language| glob(&self.pattern, language))
    }
}

impl FeedRules {
    /// Whether everything is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// The files that are taken of an update; none when the update is left out. An update whose every file is left
    /// out by its language is left out too; one that has no files at all is taken.
    #[must_use]
    pub fn choose<'a>(&self, item: &'a UpdateItem) -> Option<Vec<&'a PayloadFile>> {
        let of = |field: ClauseField| self.include.iter().filter(move |clause| clause.field == field);
        let taken = ClauseField::ALL.iter().filter(|(field, _)| *field != ClauseField::Language).all(|(field, _)| {
            let mut clauses = of(*field).peekable();
            clauses.peek().is_none() || clauses.any(|clause| clause.fits(item))
        });
        if !taken || self.exclude.iter().any(|clause| clause.fits(item)) {
            return None;
        }
        let files: Vec<_> = item.files.iter().filter(|file| self.takes_file(file)).collect();
        (item.files.is_empty() || !files.is_empty()).then_some(files)
    }

    fn takes_file(&self, file: &PayloadFile) -> bool {
        let mut include = self.include.iter().filter(|clause| clause.field == ClauseField::Language).peekable();
        let mut exclude = self.exclude.iter().filter(|clause| clause.field == ClauseField::Language);
        file.languages.is_empty()
            || ((include.peek().is_none() || include.any(|clause| clause.fits_language(file)))
                && !exclude.any(|clause| clause.fits_language(file)))
    }
}

/// Whether the text fits the pattern; linear in the pattern times the text, without recursion.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, eaten)) => {
                    star = Some((at, eaten + 1));
                    p = at + 1;
                    t = eaten + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        FileName, Sha1, Timestamp,
        update::{PublicationState, UpdateDetail, UpdateType, VendorDigest},
    };

    fn item(languages: &[&[&str]]) -> UpdateItem {
        let file = |(index, languages): (usize, &&[&str])| PayloadFile {
            name: FileName::new(format!("f{index}.exe")).unwrap(),
            size_bytes: 1,
            digest: VendorDigest::Sha1(Sha1([0; 20])),
            url: None,
            languages: languages.iter().map(|l| (*l).to_owned()).collect(),
        };
        UpdateItem {
            key: "k".into(),
            bulletin: "sp65001".into(),
            revised: Timestamp::UNIX_EPOCH,
            vendor: "HP".into(),
            products: vec!["ProBook 450".into(), "EliteBook".into()],
            update_type: UpdateType::Software,
            publication: PublicationState::Published,
            title: "BIOS for ProBook".into(),
            description: String::new(),
            classification: "Security Updates".into(),
            severity: Severity::Important,
            cves: vec![],
            kbs: vec![],
            urls: vec![],
            architecture: "x64".into(),
            version: "1".into(),
            files: languages.iter().enumerate().map(file).collect(),
            supersedes: vec![],
            detail: UpdateDetail::default(),
        }
    }

    fn rules(include: &[&str], exclude: &[&str]) -> FeedRules {
        let clauses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        FeedRules { include: clauses(include), exclude: clauses(exclude) }
    }

    #[test]
    fn clauses_of_one_field_are_alternatives_and_fields_add_up() {
        let item = item(&[]);
        let taken = |include: &[&str], exclude: &[&str]| rules(include, exclude).choose(&item).is_some();
        assert!(taken(&[], &[]));
        assert!(taken(&["vendor=dell", "vendor=hp"], &[]));
        assert!(!taken(&["vendor=hp", "product=*thinkpad*"], &[]));
        assert!(taken(&["vendor=hp", "product=pro?ook*"], &[]));
        assert!(taken(&["severity=>=moderate"], &[]));
        assert!(!taken(&["severity=>=critical"], &[]));
        assert!(!taken(&["vendor=hp"], &["name=SP65*"]));
        assert!(taken(&["architecture=x64", "classification=security*"], &["classification=drivers"]));
    }

    #[test]
    fn languages_choose_files() {
        let item = item(&[&["en"], &["de", "fr"], &[]]);
        let count = |include: &[&str], exclude: &[&str]| rules(include, exclude).choose(&item).map(|files| files.len());
        assert_eq!(count(&["language=en"], &[]), Some(2));
        assert_eq!(count(&[], &["language=de"]), Some(2));
        assert_eq!(count(&[], &[]), Some(3));
        let only_german = self::item(&[&["de"]]);
        assert_eq!(rules(&["language=en*"], &[]).choose(&only_german), None);
    }

    #[test]
    fn a_clause_that_cannot_fit_is_refused() {
        for bad in ["vendor", "colour=red", "vendor=", "severity=grave", ""] {
            assert!(bad.parse::<Clause>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!("Severity=>=important".parse::<Clause>().unwrap().to_string(), "severity=>=important");
    }

    #[test]
    fn stars_do_not_explode() {
        let pattern = "*a".repeat(100);
        assert!(!glob(&pattern, &"a".repeat(99)));
        assert!(glob(&pattern, &"a".repeat(100)));
        assert!(glob("*", ""));
        assert!(!glob("?", ""));
    }
}
