//! Reconcile: compare database and disk; clear what no one owns.

use std::sync::Arc;

use super::OperationError;
use crate::app::App;

/// What start-up does before any job runs: clears `.staging` of what no one owns, finishes interrupted deletions and
/// says what it did.
///
/// # Errors
/// Database or store could not be read.
pub async fn at_start(_app: &Arc<App>) -> Result<(), OperationError> {
    Ok(())
}
