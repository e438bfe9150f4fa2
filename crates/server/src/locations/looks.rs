//! Looks at things that may hang: each apart, one at a time, and waited for only so long.

use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::{
    task::{JoinError, JoinHandle},
    time::{Instant, timeout_at},
};

/// Looks that are under way. One at a disk that hangs holds a thread until the disk answers, and is not begun again
/// meanwhile.
#[derive(Debug)]
pub(crate) struct Looks<K, T>(HashMap<K, JoinHandle<T>>);

impl<K, T> Default for Looks<K, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash + Copy, T: Send + 'static> Looks<K, T> {
    /// Does each of these, beside one another, and waits for all of them so long in all. None: it hangs. What hung at the
    /// last call is not waited for, but taken when it has come since.
    ///
    /// # Errors
    /// One ended unexpectedly, or the runtime is shutting down.
    pub(crate) async fn all<F>(
        &mut self,
        looks: impl IntoIterator<Item = (K, F)>,
        patience: Duration,
    ) -> Result<Vec<Option<T>>, JoinError>
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let now = Instant::now();
        let mut begun = Vec::new();
        for (key, look) in looks {
            let until = match self.0.contains_key(&key) {
                true => now,
                false => {
                    self.0.insert(key, tokio::task::spawn_blocking(look));
                    now + patience
                }
            };
            begun.push((key, until));
        }
        // What was not asked for and hangs is left to itself.
        self.0.retain(|key, _| begun.iter().any(|(asked, _)| asked == key));
        let mut seen = Vec::with_capacity(begun.len());
        for (key, until) in begun {
            seen.push(match self.0.get_mut(&key) {
                None => None,
                Some(handle) => match timeout_at(until, handle).await {
                    Err(_) => None,
                    Ok(ended) => {
                        self.0.remove(&key);
                        Some(ended?)
                    }
                },
            });
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    };

    use super::*;

    type Look = Box<dyn FnOnce() -> u32 + Send>;

    #[tokio::test]
    async fn one_that_hangs_costs_the_others_nothing_and_is_not_begun_twice() {
        let (release, hangs) = mpsc::channel::<()>();
        let hangs = Arc::new(std::sync::Mutex::new(hangs));
        let begun = Arc::new(AtomicU32::new(0));
        let looks = || -> Vec<(u32, Look)> {
            let (hangs, begun) = (Arc::clone(&hangs), Arc::clone(&begun));
            let hang = move || {
                begun.fetch_add(1, Ordering::SeqCst);
                hangs.lock().unwrap().recv().unwrap();
                1
            };
            vec![(1, Box::new(hang)), (2, Box::new(|| 2))]
        };
        let mut all = Looks::default();
        let patience = Duration::from_millis(300);
        assert_eq!(all.all(looks(), patience).await.unwrap(), [None, Some(2)]);
        // It goes on hanging, and is not waited for again: not even for ever.
        assert_eq!(all.all(looks(), Duration::from_secs(3_600)).await.unwrap(), [None, Some(2)]);
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        release.send(()).unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while all.all(looks(), patience).await.unwrap() != [Some(1), Some(2)] {
            assert!(std::time::Instant::now() < end, "what has answered is never taken");
            tokio::task::yield_now().await;
        }
        drop(release);
    }
}
