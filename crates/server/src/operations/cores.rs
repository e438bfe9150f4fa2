//! Blocking work on all cores, off the async runtime.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::OperationError;

/// Does `work` for each thing, on as many threads as there are cores. Results come in the order of the things.
///
/// # Errors
/// The runtime is shutting down, or `work` panicked.
pub(crate) async fn for_each<T, R, F>(things: Vec<T>, work: F) -> Result<Vec<R>, OperationError>
where
    T: Sync + Send + 'static,
    R: Send + 'static,
    F: Fn(&T) -> R + Sync + Send + 'static,
{
    blocking(move || {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(things.len());
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::with_capacity(things.len()));
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut own = Vec::new();
                    while let Some((at, thing)) = take(&next, &things) {
                        own.push((at, work(thing)));
                    }
                    results.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    })
    .await
}

fn take<'a, T>(next: &AtomicUsize, things: &'a [T]) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    things.get(at).map(|thing| (at, thing))
}

/// Does blocking work off the async runtime.
///
/// # Errors
/// The runtime is shutting down, or the work panicked.
pub(crate) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, OperationError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        OperationError::new("interrupted", "work on the disk was interrupted; the job goes on at the next start")
            .because(e)
            .transient()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[tokio::test]
    async fn results_come_in_the_order_of_the_things() {
        let squares = super::for_each((0..1_000_u64).collect(), |n| n * n).await.unwrap();
        assert_eq!(squares, (0..1_000).map(|n| n * n).collect::<Vec<_>>());
        assert!(super::for_each(Vec::<u64>::new(), |n| *n).await.unwrap().is_empty());
    }
}
