//! Asking disks for their free space. A network mount that hangs answers never: it must not silence the notifier, and a
//! thread for each time that it is asked would use them all up.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};

/// How long an answer is waited for.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// What a disk answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many bytes are free.
    Free(u64),
    /// It cannot be asked: the folder is not there, or an error.
    Nothing,
    /// It does not answer.
    Silence,
}

/// The folders that are being asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<Mutex<HashSet<Utf8PathBuf>>>);

impl Asked {
    /// The free space at a folder.
    pub(super) async fn free(&self, path: &Utf8Path) -> Answer {
        let asked = path.to_owned();
        let ask = move || {
            let space = rustix::fs::statvfs(asked.as_std_path()).ok()?;
            Some(space.f_bavail.saturating_mul(space.f_frsize))
        };
        self.ask(path, WITHIN, ask).await
    }

    /// Asks on a thread of its own; while that hangs, the same folder is not asked again.
    async fn ask(
        &self,
        path: &Utf8Path,
        within: Duration,
        ask: impl FnOnce() -> Option<u64> + Send + 'static,
    ) -> Answer {
        if !self.open().insert(path.to_owned()) {
            return Answer::Silence;
        }
        let (asked, own) = (self.clone(), path.to_owned());
        let answer = tokio::task::spawn_blocking(move || {
            let answer = ask();
            asked.open().remove(&own);
            answer
        });
        match tokio::time::timeout(within, answer).await {
            Err(_) => Answer::Silence,
            Ok(Ok(Some(free))) => Answer::Free(free),
            Ok(_) => Answer::Nothing,
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashSet<Utf8PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_does_not_answer_holds_nobody_up_and_no_second_thread() {
        let (asked, path) = (Asked::default(), Utf8Path::new("/hangs"));
        let (release, hangs) = mpsc::channel::<()>();
        let within = Duration::from_millis(20);
        let hang = move || hangs.recv().ok().map(|()| 1);
        assert_eq!(asked.ask(path, within, hang).await, Answer::Silence);
        let never = || -> Option<u64> { unreachable!("it is not asked while it hangs") };
        assert_eq!(asked.ask(path, within, never).await, Answer::Silence);
        let long = Duration::from_secs(120);
        assert_eq!(asked.ask(Utf8Path::new("/else"), long, || Some(7)).await, Answer::Free(7), "others are");
        assert!(release.send(()).is_ok());
        while asked.open().contains(path) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(asked.ask(path, long, || None).await, Answer::Nothing);
        assert!(matches!(asked.free(Utf8Path::new("/")).await, Answer::Free(_)));
    }
}
