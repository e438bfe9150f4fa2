//! What failed for a passing reason is tried again by itself, when its time has come (S-01, R-09).

use std::sync::Arc;

use patchwharf_db::packages;
use patchwharf_model::job::{JobRequest, Selection};

use super::OperationError;
use crate::{app::App, jobs::Order};

/// Updates in one job.
const LIMIT: u32 = 1_000;

/// Orders the jobs for what is due. A current version that is damaged is refreshed, anything else is staged.
///
/// # Errors
/// The database failed.
pub async fn due(app: &Arc<App>) -> Result<(), OperationError> {
    let due = packages::due_for_retry(&app.db, app.clock.now(), LIMIT).await?;
    let (damaged, unreached): (Vec<_>, Vec<_>) = due.into_iter().partition(|retry| retry.is_current);
    for (retries, refresh) in [(damaged, true), (unreached, false)] {
        if retries.is_empty() {
            continue;
        }
        let of = Selection::Updates(retries.into_iter().map(|retry| retry.update_id).collect());
        let request = if refresh { JobRequest::RefreshQuick { of } } else { JobRequest::Stage { of } };
        let order = Order { priority: -5, ..Order::by("system").from("retry") };
        app.jobs.order(request, order).await?;
    }
    Ok(())
}
