//! Which bulletins a list shows.

use jiff::Timestamp;
use patchwharf_model::{FeedId, Severity};

use super::sort::BulletinSort;
use crate::{search::Search, sql::Builder};

/// Adds the conditions; the words of the filter are in `search`. But for words, CVEs, articles and custom severities, which few have,
/// no condition but one on the column of the order can be looked up in an index: the statement is to go through the list in that
/// order, or through all counts that are current.
pub(super) fn narrow(sql: &mut Builder, filter: &BulletinFilter, search: &Search, order: Option<BulletinSort>) {
    // What is no plain column is looked up in no index.
    let unless = |sort| if order == Some(sort) { "" } else { " + 0" };
    let either = |yes: bool, one, other| if yes { one } else { other };
    search.narrow(sql);
    if !filter.severities.is_empty() {
        sql.text(" AND c.severity").text(unless(BulletinSort::Severity)).text(" IN (-1");
        for severity in &filter.severities {
            sql.push(", ", *severity);
        }
        sql.text(")");
    }
    if let Some(custom) = &filter.custom_severity {
        // In the words of its index.
        let plain = order.is_none_or(|order| order == BulletinSort::CustomSeverity);
        sql.text(" AND i.custom_severity IS NOT NULL AND COALESCE(i.custom_severity, '')");
        sql.text(either(plain, "", " || ''")).push(" = ", custom);
    }
    if let Some(vendor) = &filter.vendor {
        sql.push(" AND LOWER(r.vendor) = ", vendor.to_ascii_lowercase());
    }
    if let Some(feed) = filter.feed {
        sql.push(" AND f.feed_id || '' = ", feed);
    }
    if let Some(enabled) = filter.enabled {
        sql.push(" AND c.enabled = ", enabled);
    }
    if let Some(withdrawn) = filter.withdrawn {
        sql.push(" AND c.withdrawn = ", withdrawn);
    }
    if let Some(listed) = filter.listed {
        sql.push(" AND c.listed = ", listed);
    }
    if let Some(yes) = filter.downloaded {
        sql.text(either(
            yes,
            " AND c.packages > 0 AND c.packages = c.updates",
            " AND (c.updates = 0 OR c.packages < c.updates)",
        ));
    }
    if let Some(yes) = filter.bad {
        sql.text(" AND c.bad_packages").text(unless(BulletinSort::BadPackages)).text(either(yes, " > 0", " = 0"));
    }
    if let Some(yes) = filter.superseded {
        sql.text(either(yes, " AND c.superseded = 1", " AND c.superseded = 0"));
    }
    let (revised, released) = (unless(BulletinSort::Revised), unless(BulletinSort::Released));
    if let Some(from) = filter.revised_from {
        sql.text(" AND c.revised_at").text(revised).push(" >= ", from);
    }
    if let Some(before) = filter.revised_before {
        sql.text(" AND c.revised_at").text(revised).push(" < ", before);
    }
    if filter.released_from.is_some() || filter.released_before.is_some() {
        sql.text(" AND c.released_at").text(released).text(" > 0");
    }
    if let Some(from) = filter.released_from {
        sql.text(" AND c.released_at").text(released).push(" >= ", from);
    }
    if let Some(before) = filter.released_before {
        sql.text(" AND c.released_at").text(released).push(" < ", before);
    }
    if let Some(cve) = &filter.cve {
        let cve = cve.trim().to_uppercase();
        sql.push(" AND i.bulletin_id IN (SELECT bulletin_id FROM bulletin_reference WHERE reference = ", cve.as_str());
        sql.push(") AND ' ' || r.cves || ' ' LIKE ", words_with(&cve)).text(" ESCAPE '!'");
    }
    if let Some(kb) = &filter.kb {
        let kb = kb.trim().to_uppercase();
        let number = kb.strip_prefix("KB").unwrap_or(&kb);
        let long = format!("KB{number}");
        sql.push(" AND i.bulletin_id IN (SELECT bulletin_id FROM bulletin_reference WHERE reference IN (", number);
        sql.push(", ", long.as_str()).push(")) AND (' ' || r.kbs || ' ' LIKE ", words_with(number)).text(" ESCAPE '!'");
        sql.push(" OR ' ' || r.kbs || ' ' LIKE ", words_with(&long)).text(" ESCAPE '!')");
    }
}

/// A pattern for one word in a space-separated list with a space at both ends.
fn words_with(word: &str) -> String {
    let mut pattern = String::from("% ");
    for c in word.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern + " %"
}

/// Which bulletins. Empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulletinFilter {
    /// Words in name, title, vendor, CVEs, KBs or description, all of them, in any case.
    pub text: Option<String>,
    /// One of these vendor severities.
    pub severities: Vec<Severity>,
    /// The administrator's own severity.
    pub custom_severity: Option<String>,
    /// Vendor, whole name in any case.
    pub vendor: Option<String>,
    /// Feed.
    pub feed: Option<FeedId>,
    /// Enabled or disabled.
    pub enabled: Option<bool>,
    /// Everything in scope staged, or not.
    pub downloaded: Option<bool>,
    /// With a corrupt or missing package, or without.
    pub bad: Option<bool>,
    /// Superseded or not.
    pub superseded: Option<bool>,
    /// Withdrawn or not.
    pub withdrawn: Option<bool>,
    /// Listed in the current catalogue or not.
    pub listed: Option<bool>,
    /// Revised at or after.
    pub revised_from: Option<Timestamp>,
    /// Revised before.
    pub revised_before: Option<Timestamp>,
    /// Released at or after.
    pub released_from: Option<Timestamp>,
    /// Released before.
    pub released_before: Option<Timestamp>,
    /// A CVE name.
    pub cve: Option<String>,
    /// A knowledge-base article, with or without `KB`.
    pub kb: Option<String>,
}
