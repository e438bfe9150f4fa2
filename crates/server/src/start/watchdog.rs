//! Degraded mode (C-18): while a package location or the data folder is read-only, packages are served and no job runs.

use std::{sync::Arc, time::Duration};

use camino::Utf8Path;
use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::app::App;

/// How often the file systems are looked at: an alarm comes within ten seconds.
const EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let looked = Arc::clone(&app);
        let Ok(read_only) = tokio::task::spawn_blocking(move || first_read_only(&looked)).await else { continue };
        let was = app.jobs.held();
        if was == read_only {
            continue;
        }
        match &read_only {
            Some(reason) => tracing::error!(reason, "degraded: packages are served, jobs wait"),
            None => tracing::info!("writable again: jobs go on"),
        }
        app.jobs.hold(read_only);
    }
}

/// What is read-only, for people.
fn first_read_only(app: &App) -> Option<String> {
    let folders = app.locations.iter().map(|l| l.path()).chain([app.config.data.as_path()]);
    let read_only = folders.into_iter().find(|path| is_read_only(path))?;
    Some(format!(
        "the file system of {read_only} is read-only: look at the kernel's log, repair it and mount it again; the jobs \
         go on by themselves"
    ))
}

/// One that cannot be asked is not called read-only: operations say better what is wrong with it.
fn is_read_only(path: &Utf8Path) -> bool {
    statvfs(path.as_std_path()).is_ok_and(|space| space.f_flag.contains(StatVfsMountFlags::RDONLY))
}
