//! Any bytes as what crosses a process or the network: frames of a parser that was taken over, bodies of the API, and
//! the small texts in them (file names, digests, versions, rules).
#![no_main]

use std::{fmt::Display, str::FromStr};

use libfuzzer_sys::fuzz_target;
use patchwharf_fuzz::same_again;
use patchwharf_model::{
    FileName, Severity, Sha1, Sha256,
    api::{Clause, FeedConfig, FeedCreate, FeedPatch, FeedRules},
    catalogue::Frame,
    job::{JobRequest, Report, ReportItem},
    rule::{Facts, Rule, Verdict, Version},
    update::UpdateDetail,
};

/// A computer of which nothing is known.
struct Nothing;

impl Facts for Nothing {}

fuzz_target!(|bytes: &[u8]| {
    if let Some(Frame::Update(update)) = same_again(bytes) {
        let everything = FeedRules::default();
        assert!(everything.choose(&update).is_some_and(|files| files.len() == update.files.len()));
        judge(&update.detail);
    }
    same_again::<JobRequest>(bytes);
    same_again::<FeedCreate>(bytes);
    same_again::<FeedConfig>(bytes);
    same_again::<FeedPatch>(bytes);
    same_again::<ReportItem>(bytes);
    same_again::<Report>(bytes);
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(name) = FileName::new(text) {
        assert!(!name.as_str().contains(['/', '\\', '\0']) && !matches!(name.as_str(), "" | "." | ".."));
        assert_eq!(FileName::new(name.as_str()), Ok(name));
    }
    same_text::<Sha1>(text);
    same_text::<Sha256>(text);
    same_text::<Version>(text);
    same_text::<Clause>(text);
    let _ = text.parse::<Severity>();
});

fn judge(detail: &UpdateDetail) {
    let of_items = detail.items.iter().flat_map(|item| [&item.is_installed, &item.is_superseded, &item.is_installable]);
    for rule in [&detail.is_installable, &detail.is_installed].into_iter().chain(of_items).flatten() {
        let verdict = rule.evaluate(&Nothing);
        assert!(!matches!(rule, Rule::Unrecognised(_)) || verdict == Verdict::Unknown);
    }
}

fn same_text<T: FromStr<Err: std::fmt::Debug> + Display + PartialEq + std::fmt::Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().expect("what was shown can be read"), value);
    }
}
