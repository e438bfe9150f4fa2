//! Times at which something is to happen, after the clock was set back: what was planned by a clock that ran years ahead
//! would wait for years.

use std::time::Duration;

use crate::{
    Result, Write,
    sql::{args, saturate},
};

/// Makes due what waits for a time further ahead than `far`: queued jobs, files and packages that are tried again, messages,
/// imports by schedule (those wait two of their intervals at least). Trying too early is no harm. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn pull_in(w: &mut Write<'_>, far: Duration) -> Result<u64> {
    const WHAT: &str = "bring forward what waits too long";
    const JOBS: &str = "UPDATE job SET not_before = $1 WHERE state = 'queued' AND not_before > $2";
    const VERSIONS: &str = "UPDATE package_version SET next_try_at = $1 WHERE next_try_at > $2 \
         AND state IN ('unreachable', 'corrupt', 'missing', 'wanted', 'vendor-changed')";
    const FEEDS: &str = "UPDATE feed SET next_import_at = $1 WHERE removed_at IS NULL AND next_import_at > $2 \
         AND next_import_at > $1 + 120000000 * schedule_minutes";
    const MESSAGES: &str = "UPDATE notification SET next_try_at = $1 WHERE next_try_at > $2";
    let now = w.now();
    let after = now.as_microsecond().saturating_add(saturate(u64::try_from(far.as_micros()).unwrap_or(u64::MAX)));
    let mut changed = 0;
    for statement in [JOBS, VERSIONS, FEEDS, MESSAGES] {
        changed += w.run(WHAT, statement, args![now, after]).await?;
    }
    if changed > 0 {
        w.audit("clock.pull-in", "clock", None, Some(format!("{changed} waited for more than {far:?}")));
    }
    Ok(changed)
}
