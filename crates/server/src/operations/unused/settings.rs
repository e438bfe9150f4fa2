//! What an administrator sets about unused packages. Kept in the database, read when packages are to be deleted.

use patchwharf_db::settings;
use patchwharf_model::UnusedAfter;

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
