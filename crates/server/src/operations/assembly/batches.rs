//! Batches bounded by count, by bytes and by time: the unit in which versions are placed and committed.

use std::time::Duration;

use tokio::{sync::mpsc, time};

/// When a batch is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Things.
    pub(crate) count: usize,
    /// Bytes of the things together.
    pub(crate) size_bytes: u64,
    /// Time since the first thing: what is proved does not wait longer to be recorded.
    pub(crate) wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { count: 500, size_bytes: 512 << 20, wait: Duration::from_millis(200) }
    }
}

/// The next batch, never empty; none when nothing more comes.
pub(crate) async fn next<T>(
    from: &mut mpsc::Receiver<T>,
    limits: Limits,
    size_bytes: impl Fn(&T) -> u64,
) -> Option<Vec<T>> {
    let first = from.recv().await?;
    let mut bytes = size_bytes(&first);
    let mut batch = vec![first];
    let full = time::sleep(limits.wait);
    tokio::pin!(full);
    while batch.len() < limits.count && bytes < limits.size_bytes {
        tokio::select! {
            biased;
            more = from.recv() => match more {
                Some(thing) => {
                    bytes += size_bytes(&thing);
                    batch.push(thing);
                }
                None => break,
            },
            () = &mut full => break,
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn limits(count: usize, size_bytes: u64) -> Limits {
        Limits { count, size_bytes, wait: Duration::from_secs(3600) }
    }

    async fn sizes(limits: Limits, things: &[u64]) -> Vec<usize> {
        let (to, mut from) = mpsc::channel(100);
        for thing in things {
            to.send(*thing).await.unwrap();
        }
        drop(to);
        let mut sizes = Vec::new();
        while let Some(batch) = next(&mut from, limits, |bytes| *bytes).await {
            sizes.push(batch.len());
        }
        sizes
    }

    #[tokio::test]
    async fn batches_are_bounded_by_count() {
        assert_eq!(sizes(limits(2, 1000), &[1, 1, 1, 1, 1]).await, [2, 2, 1]);
    }

    #[tokio::test]
    async fn batches_are_bounded_by_bytes() {
        assert_eq!(sizes(limits(100, 10), &[4, 4, 4, 20, 1]).await, [3, 1, 1]);
    }

    #[tokio::test]
    async fn a_batch_does_not_wait_for_more_than_its_time() {
        let (to, mut from) = mpsc::channel(100);
        to.send(1).await.unwrap();
        let soon = Limits { wait: Duration::from_millis(1), ..limits(100, 1000) };
        assert_eq!(next(&mut from, soon, |bytes| *bytes).await.unwrap(), [1]);
    }
}
