//! The threads of a check: as many as there are cores, behind everything that has a person waiting for it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc as queue},
    thread,
};

use patchwharf_store::Hashed;
use tokio::sync::mpsc;

use super::{
    pace::Pace,
    task::{Part, Task, Way},
};
use crate::operations::OperationError;

/// How much the threads stand back for those that answer requests (G-07).
const NICE: i32 = 10;

/// The threads of a check. Dropped, they end after the piece that they are at.
#[derive(Debug)]
pub(super) struct Crew {
    queue: Option<queue::Sender<Part>>,
    done: mpsc::UnboundedReceiver<Option<Arc<Task>>>,
    pace: Arc<Pace>,
}

impl Crew {
    /// Starts them.
    pub(super) fn start(way: Way, pace: &Arc<Pace>) -> Result<Self, OperationError> {
        let (to_queue, queue) = queue::channel::<Part>();
        let (to_done, done) = mpsc::unbounded_channel();
        let queue = Arc::new(Mutex::new(queue));
        let (way, hashed) = (Arc::new(way), Arc::new(Hashed::default()));
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let hand = Hand {
                queue: Arc::clone(&queue),
                done: to_done.clone(),
                way: Arc::clone(&way),
                hashed: Arc::clone(&hashed),
                pace: Arc::clone(pace),
            };
            thread::Builder::new().name("integrity".to_owned()).spawn(move || hand.work()).map_err(|e| {
                OperationError::new("threads", "cannot start the threads of the check; the job is tried again")
                    .because(e)
                    .transient()
            })?;
        }
        Ok(Self { queue: Some(to_queue), done, pace: Arc::clone(pace) })
    }

    /// Gives them something to do.
    pub(super) fn give(&self, part: Part) {
        if let Some(queue) = &self.queue {
            // They are gone only when all of them panicked, which `next` says.
            let _ = queue.send(part);
        }
    }

    /// Tells them that nothing more will come.
    pub(super) fn close(&mut self) {
        self.queue = None;
    }

    /// The next version that was looked at; none: all are.
    ///
    /// # Errors
    /// A thread panicked.
    pub(super) async fn next(&mut self) -> Result<Option<Arc<Task>>, OperationError> {
        match self.done.recv().await {
            None => Ok(None),
            Some(Some(task)) => Ok(Some(task)),
            Some(None) => {
                Err(OperationError::new("internal", "a thread of the check ended unexpectedly; the log says where"))
            }
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.pace.halt();
    }
}

/// One thread.
struct Hand {
    queue: Arc<Mutex<queue::Receiver<Part>>>,
    done: mpsc::UnboundedSender<Option<Arc<Task>>>,
    way: Arc<Way>,
    hashed: Arc<Hashed>,
    pace: Arc<Pace>,
}

impl Hand {
    fn work(&self) {
        // Only this thread: to the kernel each is a process of its own. Where it is refused, all are equal.
        let _ = rustix::process::setpriority_process(None, NICE);
        loop {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(part) = next else { return };
            if self.pace.is_halted() {
                continue;
            }
            let looked = catch_unwind(AssertUnwindSafe(|| part.look(&self.way, &self.hashed, &*self.pace)));
            let told = match looked {
                Ok(None) => Ok(()),
                Ok(Some(task)) => self.done.send(Some(task)),
                Err(_) => self.done.send(None),
            };
            if told.is_err() {
                return;
            }
        }
    }
}
