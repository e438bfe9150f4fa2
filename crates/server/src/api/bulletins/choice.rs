//! Which bulletins a request is for.

use patchwharf_db::bulletins;
use patchwharf_model::{
    BulletinId,
    api::{BulletinChoice, BulletinFilter, BulletinState, Code},
};

use crate::{
    api::{ApiError, ApiResult},
    app::App,
};

/// A job's payload names its bulletins; more than this is a filter gone wrong or a feed that wants automatic staging.
const MOST_CHOSEN: u32 = 100_000;

/// The bulletins that a choice means, named or by filter, never none.
pub(in crate::api) async fn bulletins(app: &App, choice: BulletinChoice) -> ApiResult<Vec<BulletinId>> {
    let said = choice.confirm;
    let ids = match (choice.bulletins.as_slice(), &choice.filter) {
        ([], None) => return Err(nothing("Name bulletins in `bulletins`, or give a `filter` ({} is everything).")),
        (names, None) => bulletins::resolve(&app.db, names).await?,
        ([], Some(filter)) => bulletins::ids(&app.db, &db_filter(filter)?, MOST_CHOSEN).await?,
        (_, Some(_)) => {
            return Err(ApiError::new(Code::InvalidBody, "Give either `bulletins` or `filter`, not both."));
        }
    };
    if ids.is_empty() {
        return Err(nothing(
            "No bulletin fits the filter. `patchwharf bulletin list` with the same filter shows none.",
        ));
    }
    if ids.len() as u32 >= MOST_CHOSEN {
        return Err(ApiError::new(
            Code::InvalidBody,
            format!("The filter fits {MOST_CHOSEN} bulletins or more; narrow it, for example by date or severity."),
        ));
    }
    match said {
        Some(said) if said != ids.len() as u64 => {
            let detail = format!(
                "This was meant for {said} bulletins, and is {} by now. Nothing was done: look at them again, and say \
                 `confirm` = {}, or leave it out.",
                ids.len(),
                ids.len()
            );
            Err(ApiError::new(Code::ConfirmationNeeded, detail))
        }
        _ => Ok(ids),
    }
}

fn nothing(detail: &str) -> ApiError {
    ApiError::new(Code::NothingSelected, detail)
}

/// The filter as the database takes it.
pub(in crate::api) fn db_filter(filter: &BulletinFilter) -> ApiResult<bulletins::BulletinFilter> {
    let mut wanted = bulletins::BulletinFilter {
        text: filter.text.clone(),
        severities: filter.severity.0.clone(),
        custom_severity: filter.custom_severity.clone(),
        vendor: filter.vendor.clone(),
        feed: filter.feed,
        released_from: filter.released_from,
        released_before: filter.released_before,
        revised_from: filter.revised_from,
        revised_before: filter.revised_before,
        cve: filter.cve.clone(),
        kb: filter.kb.clone(),
        ..bulletins::BulletinFilter::default()
    };
    for state in &filter.state.0 {
        for (property, value) in properties(&mut wanted, *state) {
            if property.replace(value).is_some_and(|before| before != value) {
                let detail = format!("`state` is {}; no bulletin can be all of that.", filter.state);
                return Err(ApiError::new(Code::InvalidQuery, detail));
            }
        }
    }
    Ok(wanted)
}

fn properties(filter: &mut bulletins::BulletinFilter, state: BulletinState) -> Vec<(&mut Option<bool>, bool)> {
    match state {
        BulletinState::Enabled => vec![(&mut filter.enabled, true)],
        BulletinState::Disabled => vec![(&mut filter.enabled, false)],
        BulletinState::Downloaded => vec![(&mut filter.downloaded, true)],
        BulletinState::NotDownloaded => vec![(&mut filter.downloaded, false)],
        BulletinState::Damaged => vec![(&mut filter.bad, true)],
        BulletinState::Superseded => vec![(&mut filter.superseded, true)],
        BulletinState::Withdrawn => vec![(&mut filter.withdrawn, true)],
        BulletinState::Unlisted => vec![(&mut filter.listed, false)],
        BulletinState::Current => {
            vec![(&mut filter.listed, true), (&mut filter.superseded, false), (&mut filter.withdrawn, false)]
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn states_that_exclude_each_other_are_refused() {
        let with = |state: &str| db_filter(&BulletinFilter { state: state.parse().unwrap(), ..Default::default() });
        assert_eq!(with("current,downloaded").unwrap().superseded, Some(false));
        assert!(with("enabled,disabled").is_err());
        assert!(with("current,superseded").is_err());
    }
}
