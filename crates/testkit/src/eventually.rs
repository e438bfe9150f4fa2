//! Waiting for a condition with a deadline, instead of sleeping and hoping.

use std::{
    future::Future,
    thread,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(5);

/// Asks again and again until the answer is there.
///
/// # Panics
/// When `deadline` passes first; the panic names what was waited for.
pub fn eventually<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain: {what}");
        thread::sleep(PAUSE);
    }
}

/// The same for a condition that has to be awaited.
///
/// # Panics
/// When `deadline` passes first; the panic names what was waited for.
pub async fn eventually_async<T, F: Future<Output = Option<T>>>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
