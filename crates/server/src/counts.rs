//! Counts over everything, for pages that are looked at often. In a small store they are counted each time; where that takes
//! long, what was counted a moment ago is shown while it is counted anew.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use patchwharf_db::{
    Db, Result,
    bulletins::{self, BySeverity},
    locations::{self, Usage},
    packages::{self, ByState, Totals},
};

/// Counting that is done in less is done each time.
const SLOW: Duration = Duration::from_millis(100);
/// What is older is not shown: it is counted while the page waits.
const OLDEST: Duration = Duration::from_secs(60);
/// Of its time at most one part in so many goes into counting.
const SHARE: u32 = 10;

/// What is counted.
#[derive(Debug)]
pub struct Counts {
    totals: Remembered<Totals>,
    states: Remembered<Vec<ByState>>,
    usage: Remembered<Vec<Usage>>,
    severities: Remembered<Vec<BySeverity>>,
}

impl Counts {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            totals: Remembered::of(|db| async move { packages::totals(&db).await }.boxed()),
            states: Remembered::of(|db| async move { packages::by_state(&db).await }.boxed()),
            usage: Remembered::of(|db| async move { locations::usage(&db).await }.boxed()),
            severities: Remembered::of(|db| async move { bulletins::by_severity(&db).await }.boxed()),
        }
    }

    /// What the store holds.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn totals(&self, db: &Db) -> Result<Arc<Totals>> {
        self.totals.get(db).await
    }

    /// Packages by state.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn states(&self, db: &Db) -> Result<Arc<Vec<ByState>>> {
        self.states.get(db).await
    }

    /// What lies at each location.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn usage(&self, db: &Db) -> Result<Arc<Vec<Usage>>> {
        self.usage.get(db).await
    }

    /// Bulletins by severity.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn severities(&self, db: &Db) -> Result<Arc<Vec<BySeverity>>> {
        self.severities.get(db).await
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self::new()
    }
}

type Ask<T> = fn(Db) -> BoxFuture<'static, Result<T>>;

/// One question and its last answer.
struct Remembered<T> {
    ask: Ask<T>,
    last: Arc<Mutex<Option<Last<T>>>>,
    /// Who waits for an answer waits for the one that is being found.
    turn: tokio::sync::Mutex<()>,
}

struct Last<T> {
    answer: Arc<T>,
    at: Instant,
    took: Duration,
    /// Rows that this program had changed when it was asked.
    changes: u64,
    is_asked_again: bool,
}

impl<T> fmt::Debug for Remembered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered")
    }
}

impl<T: Send + Sync + 'static> Remembered<T> {
    fn of(ask: Ask<T>) -> Self {
        Self { ask, last: Arc::default(), turn: tokio::sync::Mutex::default() }
    }

    async fn get(&self, db: &Db) -> Result<Arc<T>> {
        match self.remembered(db) {
            Some((answer, false)) => Ok(answer),
            Some((answer, true)) => {
                let (db, ask, last) = (db.clone(), self.ask, Arc::clone(&self.last));
                tokio::spawn(async move {
                    if let Err(error) = renew(&db, ask, &last).await {
                        tracing::debug!(error = &error as &dyn std::error::Error, "could not count anew");
                        lock(&last).iter_mut().for_each(|last| last.is_asked_again = false);
                    }
                });
                Ok(answer)
            }
            None => {
                let _turn = self.turn.lock().await;
                match self.remembered(db) {
                    Some((answer, _)) => Ok(answer),
                    None => renew(db, self.ask, &self.last).await,
                }
            }
        }
    }

    /// The last answer if it may be given, and whether to ask again meanwhile.
    fn remembered(&self, db: &Db) -> Option<(Arc<T>, bool)> {
        let mut last = lock(&self.last);
        let last = last.as_mut()?;
        // Others may write into a shared database.
        if !db.is_shared() && last.changes == db.rows_changed() {
            return Some((Arc::clone(&last.answer), false));
        }
        let age = last.at.elapsed();
        if last.took < SLOW || age > OLDEST {
            return None;
        }
        let again = !last.is_asked_again && age > last.took * SHARE;
        last.is_asked_again |= again;
        Some((Arc::clone(&last.answer), again))
    }
}

async fn renew<T>(db: &Db, ask: Ask<T>, last: &Mutex<Option<Last<T>>>) -> Result<Arc<T>> {
    let (at, changes) = (Instant::now(), db.rows_changed());
    let answer = Arc::new(ask(db.clone()).await?);
    let known =
        Last { answer: Arc::clone(&answer), at: Instant::now(), took: at.elapsed(), changes, is_asked_again: false };
    *lock(last) = Some(known);
    Ok(answer)
}

fn lock<T>(last: &Mutex<Option<Last<T>>>) -> std::sync::MutexGuard<'_, Option<Last<T>>> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}
