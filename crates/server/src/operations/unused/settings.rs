//! What an administrator sets about unused packages. Kept in the database, read when packages are to be deleted.

use std::time::Duration;

use patchwharf_db::settings;
use patchwharf_model::{UnusedAfter, span};

use crate::app::App;

/// After how long superseded packages go.
pub(crate) const SUPERSEDED_AFTER: &str = "unused.superseded-after";
/// After how long packages of disabled bulletins go.
pub(crate) const DISABLED_AFTER: &str = "unused.disabled-after";
/// After how long packages without a policy go.
pub(crate) const WITHOUT_POLICY_AFTER: &str = "unused.without-policy-after";
/// Whether the full check by the clock deletes too.
pub(crate) const BY_THE_CLOCK: &str = "unused.by-the-clock";

/// A rule as it is set; one that cannot be understood takes nothing, and the log says so.
pub(super) async fn rule(app: &App, name: &str) -> patchwharf_db::Result<UnusedAfter> {
    let Some(text) = settings::get(&app.db, name).await? else { return Ok(UnusedAfter::OFF) };
    Ok(after(&text).unwrap_or_else(|why| {
        tracing::warn!(setting = name, "the setting is not understood and counts as off: {why}");
        UnusedAfter::OFF
    }))
}

/// Whether the full check by the clock deletes too.
pub(crate) async fn by_the_clock(app: &App) -> patchwharf_db::Result<bool> {
    let text = settings::get(&app.db, BY_THE_CLOCK).await?;
    Ok(text.is_some_and(|text| switch(&text) == Ok(true)))
}

/// Why a rule can never take anything; none: it can. Since when a bulletin is disabled is read from the audit trail: what
/// retention has cut is known to be older than what is left, and no more.
pub(crate) fn never(name: &str, after: UnusedAfter, keep_audit: Duration) -> Option<String> {
    let asked = after.0.filter(|asked| name == DISABLED_AFTER && !keep_audit.is_zero() && *asked >= keep_audit)?;
    Some(format!(
        "{DISABLED_AFTER} is {}, and the audit trail, which says since when a bulletin is disabled, is kept for {} only \
         (`retention.audit`): the rule takes nothing; set it shorter than that",
        span::written(asked),
        span::written(keep_audit)
    ))
}

/// `30d`, or `off`.
pub(crate) fn after(text: &str) -> Result<UnusedAfter, String> {
    text.parse().map_err(|error: patchwharf_model::unused::BadUnusedAfter| error.to_string())
}

/// `on`, or `off`.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("{other:?} is neither on nor off")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rule_that_asks_for_more_than_the_trail_remembers_is_named() {
        let day = Duration::from_secs(24 * 3600);
        let told = |name: &str, text: &str, days: u32| never(name, after(text).unwrap(), day * days);
        assert!(told(DISABLED_AFTER, "60d", 30).unwrap().contains("retention.audit"));
        assert!(told(DISABLED_AFTER, "30d", 30).is_some());
        for (name, text, days) in [
            (DISABLED_AFTER, "29d", 30),
            (DISABLED_AFTER, "60d", 0),
            (DISABLED_AFTER, "off", 30),
            (SUPERSEDED_AFTER, "60d", 30),
        ] {
            assert_eq!(told(name, text, days), None, "{name} {text} {days}");
        }
    }
}
