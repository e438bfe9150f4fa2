//! Files that administrators send: in the data folder's `uploads` from their first byte until the job that takes them has
//! ended. What came by hand and fits waits in `supplied`, under its digest.

use std::{
    collections::HashSet,
    fs, io,
    sync::{Mutex, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::jobs::{self, JobQuery};
use patchwharf_model::job::{JobKind, JobRequest, JobState};

use crate::{
    app::App,
    files::sync_folder,
    operations::{OperationError, cores},
};

/// Files that are received at once: each may be as large as the catalogue says, and nobody has proved it yet.
pub(crate) const AT_ONCE: usize = 8;

const FOLDER: &str = "uploads";
const SUPPLIED: &str = "supplied";

/// Uploads that no job knows yet.
#[derive(Debug, Default)]
pub struct Uploads {
    arriving: Mutex<HashSet<String>>,
}

/// An upload that arrives. Its file goes with it, unless a job has taken it.
#[derive(Debug)]
pub(crate) struct Arriving<'a> {
    uploads: &'a Uploads,
    name: String,
    path: Utf8PathBuf,
    is_taken: bool,
}

impl Arriving<'_> {
    /// Its name in the folder.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its file.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// A job knows of it, and does away with it.
    pub(crate) fn taken(mut self) {
        self.is_taken = true;
    }
}

impl Uploads {
    /// Takes a new name. None: as many arrive as may at once.
    pub(crate) fn begin(&self, data: &Utf8Path) -> Option<Arriving<'_>> {
        let name = uuid::Uuid::now_v7().to_string();
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        if arriving.len() >= AT_ONCE {
            return None;
        }
        arriving.insert(name.clone());
        Some(Arriving { uploads: self, path: folder(data).join(&name), name, is_taken: false })
    }

    fn has(&self, name: &str) -> bool {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}

impl Drop for Arriving<'_> {
    /// Also where the client went away in the middle, and nobody asks for an answer any more.
    fn drop(&mut self) {
        if !self.is_taken {
            let _ = fs::remove_file(&self.path);
        }
        self.uploads.arriving.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// Where uploads lie.
pub(crate) fn folder(data: &Utf8Path) -> Utf8PathBuf {
    data.join(FOLDER)
}

/// Where files wait that were given by hand.
pub(crate) fn supplied(data: &Utf8Path) -> Utf8PathBuf {
    data.join(SUPPLIED)
}

/// Makes both folders, durably: what is acknowledged in them must be found after a power cut. Blocks.
///
/// # Errors
/// The data folder cannot be written.
pub(crate) fn prepare(data: &Utf8Path) -> io::Result<()> {
    fs::create_dir_all(folder(data))?;
    fs::create_dir_all(supplied(data))?;
    sync_folder(data)
}

/// Removes uploads that no job waits for: their client or this server went away in the middle, or their job was cancelled.
///
/// # Errors
/// The database failed, or the server stops.
pub(crate) async fn clear(app: &App) -> Result<(), OperationError> {
    // In this order: what arrives after the look into the folder is not in question, and what was handed to a job since is
    // found with the jobs.
    let place = folder(&app.config.data);
    let mut left: HashSet<String> = {
        let place = place.clone();
        cores::blocking(move || names(&place)).await?
    };
    left.retain(|name| !app.uploads.has(name));
    if left.is_empty() {
        return Ok(());
    }
    let mut query = JobQuery {
        states: vec![JobState::Queued, JobState::Running, JobState::Paused],
        kinds: vec![JobKind::Supply],
        cursor: None,
        limit: 1000,
    };
    loop {
        let page = jobs::list(&app.db, &query).await?;
        for job in page.rows {
            if let Ok(JobRequest::Supply { upload, .. }) = serde_json::from_str(&job.payload) {
                left.remove(&upload);
            }
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    let remove = move || {
        for name in left {
            match fs::remove_file(place.join(&name)) {
                Ok(()) => tracing::info!(upload = name, "removed an upload that no job waits for"),
                Err(error) => tracing::warn!(upload = name, %error, "an upload that no job waits for stays"),
            }
        }
    };
    cores::blocking(remove).await
}

/// The names in a folder. Blocks.
pub(crate) fn names(folder: &Utf8Path) -> HashSet<String> {
    let Ok(entries) = fs::read_dir(folder) else { return HashSet::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
