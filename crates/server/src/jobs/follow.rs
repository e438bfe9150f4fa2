//! Following a job, wherever it runs.

use std::{collections::HashMap, sync::MutexGuard, sync::PoisonError, time::Duration};

use patchwharf_db::{Result, jobs as table};
use patchwharf_model::{
    JobId,
    job::{JobState, Progress},
};
use tokio::sync::watch;

use super::{Jobs, Snapshot};

/// How often the row of a job is read that does not run here.
const POLL: Duration = Duration::from_millis(300);

impl Jobs {
    /// Follows a job: the newest snapshot at once, then every change; the channel closes after the final one.
    ///
    /// # Errors
    /// No such job, or the database failed.
    pub async fn watch(&self, job: JobId) -> Result<watch::Receiver<Snapshot>> {
        if let Some(sender) = self.followers().get(&job) {
            return Ok(sender.subscribe());
        }
        let row = table::show(&self.0.db, job).await?;
        let first = Snapshot { number: self.next_number(), state: row.state, progress: row.progress };
        let ended = first.state.is_final();
        let (sender, receiver) = watch::channel(first);
        if !ended {
            match self.followers().entry(job) {
                std::collections::hash_map::Entry::Occupied(other) => return Ok(other.get().subscribe()),
                std::collections::hash_map::Entry::Vacant(place) => place.insert(sender),
            };
            tokio::spawn(self.clone().poll(job));
        }
        Ok(receiver)
    }

    /// Tells the followers of a job, if there are any.
    pub(super) fn tell(&self, job: JobId, state: JobState, progress: Progress) {
        let mut followers = self.followers();
        let Some(sender) = followers.get(&job) else { return };
        let number = self.next_number();
        sender.send_if_modified(|last| {
            let changed = last.state != state || last.progress != progress;
            if changed {
                *last = Snapshot { number, state, progress };
            }
            changed
        });
        if state.is_final() {
            followers.remove(&job);
        }
    }

    /// Reads the row of a job that runs elsewhere or not at all, until it has ended or nobody listens.
    async fn poll(self, job: JobId) {
        loop {
            tokio::time::sleep(POLL).await;
            {
                let mut followers = self.followers();
                match followers.get(&job) {
                    None => return,
                    Some(sender) if sender.is_closed() => {
                        followers.remove(&job);
                        return;
                    }
                    Some(_) => {}
                }
            }
            if self.running().contains_key(&job) {
                continue;
            }
            match table::show(&self.0.db, job).await {
                Ok(row) => self.tell(job, row.state, row.progress),
                Err(error) if error.is_transient() => {}
                Err(_) => {
                    self.followers().remove(&job);
                    return;
                }
            }
        }
    }

    fn followers(&self) -> MutexGuard<'_, HashMap<JobId, watch::Sender<Snapshot>>> {
        self.0.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
