//! Degraded mode (C-12, C-18, C-22): while the database is damaged, or the default package location is read-only or not
//! where it was, packages are served and no job runs. Other locations are let go of when they are away, and opened again
//! when they are back.

use std::{sync::Arc, time::Duration};

use camino::Utf8Path;
use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::app::App;

/// How often the file systems are looked at: an alarm comes within ten seconds.
const EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = app.locations.reload(&app.db).await {
            tracing::debug!(%error, "cannot look at the package locations now");
        }
        look(&app).await;
    }
}

/// Holds the jobs while there is a reason to, and tells when that changes.
pub(super) async fn look(app: &Arc<App>) {
    let looked = Arc::clone(app);
    let Ok(reason) = tokio::task::spawn_blocking(move || what_holds(&looked)).await else { return };
    if app.jobs.held() == reason {
        return;
    }
    match &reason {
        Some(reason) => tracing::error!(reason, "degraded: packages are served, jobs wait"),
        None => tracing::info!("well again: jobs go on"),
    }
    app.jobs.hold(reason);
    app.notify.ring();
}

fn what_holds(app: &App) -> Option<String> {
    damaged(app).or_else(|| default_not_in_place(app)).or_else(|| first_read_only(app))
}

/// That the default location is no longer at its path, for people. What is open goes on being served from where it is.
fn default_not_in_place(app: &App) -> Option<String> {
    let location = app.locations.default_location().ok().filter(|location| !location.is_in_place())?;
    Some(format!(
        "{} is not the package location any more that the server has opened: its disk was unmounted, or another folder \
         was put in its place; bring it back and the jobs go on by themselves, or restart the server on what is there now",
        location.path()
    ))
}

/// What is damaged in the database, for people.
fn damaged(app: &App) -> Option<String> {
    app.db.look_at_file();
    let found = app.db.damage()?;
    Some(format!(
        "the resource database is damaged ({found}): stop the server, put a backup of the database in its place and \
         start again"
    ))
}

/// What is read-only, for people.
fn first_read_only(app: &App) -> Option<String> {
    let default = app.locations.default_location().ok();
    let folders = default.iter().map(|location| location.path()).chain([app.config.data.as_path()]);
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
