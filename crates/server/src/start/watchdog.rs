//! Degraded mode (C-12, C-18, C-22): while the database is damaged, or the default package location is read-only or not
//! where it was, packages are served and no job runs. Other locations are let go of when they are away, and opened again
//! when they are back. A file system that hangs is not waited for.

use std::{sync::Arc, time::Duration};

use camino::Utf8Path;
use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::{
    app::App,
    locations::{Looks, PATIENCE},
};

/// How often the file systems are looked at: an alarm comes within ten seconds.
const EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(app: Arc<App>) {
    let mut looks = Look::default();
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = app.locations.reload(&app.db).await {
            tracing::debug!(%error, "cannot look at the package locations now");
        }
        look(&app, &mut looks).await;
    }
}

/// The look at what holds the jobs: there is one, and it may hang.
type Look = Looks<(), Option<String>>;

/// Looks once, before anything runs.
pub(super) async fn look_once(app: &Arc<App>) {
    look(app, &mut Look::default()).await;
}

/// Holds the jobs while there is a reason to, and tells when that changes.
async fn look(app: &Arc<App>, looks: &mut Look) {
    let looked = Arc::clone(app);
    let Ok(mut seen) = looks.all([((), move || what_holds(&looked))], PATIENCE).await else { return };
    let reason = match seen.pop().flatten() {
        Some(reason) => reason,
        None => Some(hangs(app)),
    };
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

fn hangs(app: &App) -> String {
    let default = app.locations.default_location().ok();
    let place = default.map_or_else(|| app.config.data.to_string(), |location| location.path().to_string());
    format!(
        "the file system of {place} does not answer: the other machine or the disk hangs; bring it back and the jobs go on \
         by themselves"
    )
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
