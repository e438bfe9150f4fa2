//! Which bulletins a list shows.

use jiff::Timestamp;
use patchwharf_model::{FeedId, Severity};

use crate::{search::Search, sql::Builder};

/// Adds the conditions; the words of the filter are in `search`.
pub(super) fn narrow(sql: &mut Builder, filter: &BulletinFilter, search: &Search) {
    search.narrow(sql);
    if !filter.severities.is_empty() {
        sql.text(" AND r.severity IN (-1");
        for severity in &filter.severities {
            sql.push(", ", *severity);
        }
        sql.text(")");
    }
    if let Some(custom) = &filter.custom_severity {
        sql.push(" AND i.custom_severity = ", custom);
    }
    if let Some(vendor) = &filter.vendor {
        sql.push(" AND LOWER(r.vendor) = ", vendor.to_lowercase());
    }
    if let Some(feed) = filter.feed {
        sql.push(" AND r.feed_id = ", feed);
    }
    if let Some(enabled) = filter.enabled {
        sql.push(" AND i.enabled = ", enabled);
    }
    if let Some(withdrawn) = filter.withdrawn {
        sql.push(" AND r.withdrawn = ", withdrawn);
    }
    if let Some(listed) = filter.listed {
        sql.push(" AND r.listed = ", listed);
    }
    let either = |yes: bool, one, other| if yes { one } else { other };
    if let Some(yes) = filter.downloaded {
        sql.text(either(
            yes,
            " AND c.packages > 0 AND c.packages = c.updates",
            " AND (c.updates = 0 OR c.packages < c.updates)",
        ));
    }
    if let Some(yes) = filter.bad {
        sql.text(either(yes, " AND c.bad_packages > 0", " AND c.bad_packages = 0"));
    }
    if let Some(yes) = filter.superseded {
        sql.text(either(yes, " AND r.superseded_by IS NOT NULL", " AND r.superseded_by IS NULL"));
    }
    if let Some(from) = filter.revised_from {
        sql.push(" AND r.revised_at >= ", from);
    }
    if let Some(before) = filter.revised_before {
        sql.push(" AND r.revised_at < ", before);
    }
    if let Some(from) = filter.released_from {
        sql.push(" AND r.released_at > 0 AND r.released_at >= ", from);
    }
    if let Some(before) = filter.released_before {
        sql.push(" AND r.released_at > 0 AND r.released_at < ", before);
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

impl BulletinFilter {
    /// Whether its conditions speak of what is counted, or of the bulletin's identity.
    pub(super) fn is_of_revision_alone(&self) -> bool {
        let identity =
            self.custom_severity.is_some() || self.enabled.is_some() || self.cve.is_some() || self.kb.is_some();
        !identity && self.downloaded.is_none() && self.bad.is_none()
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
#[derive(Clone, Debug, Default)]
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
