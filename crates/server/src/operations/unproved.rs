//! Packages whose rows were made again from manifests lose their mark when a feed names their digests.

use patchwharf_db::packages;

use super::OperationError;
use crate::app::App;

/// Versions in one transaction.
const BATCH: u32 = 500;

/// Takes the mark from all that feeds name by now: after each import, and at each start.
///
/// # Errors
/// The database failed; the rest waits for the next time.
pub(crate) async fn look(app: &App, actor: &str, source: &str) -> Result<u64, OperationError> {
    let mut all = 0;
    loop {
        let mut w = app.db.write(actor, source, app.clock.now()).await?;
        let proved = packages::prove_named(&mut w, BATCH).await?;
        w.commit().await?;
        all += proved;
        if proved < u64::from(BATCH) {
            break;
        }
    }
    if all > 0 {
        tracing::info!(versions = all, "package versions are proved: their feed names the same digests");
    }
    Ok(all)
}
