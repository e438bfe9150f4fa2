//! What a search has found, kept in the data folder as long as its job is not over: a job that was paused or killed does
//! not hash the same files again. Only what updates need is kept, so its size is the catalogue's. Nothing here is believed
//! beyond a file's stamp: before a file is taken its stamp is compared, and our copy is hashed.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};

use camino::Utf8PathBuf;
use patchwharf_db::jobs;
use patchwharf_model::{JobId, Sha1, Sha256, package::ProofStamp};
use patchwharf_trust::FileDigests;
use serde::{Deserialize, Serialize};

use crate::{
    jobs::JobContext,
    operations::{OperationError, assembly::Find, cores},
};

#[derive(Serialize, Deserialize)]
struct Line {
    below: OsString,
    stamp: ProofStamp,
    sha256: Sha256,
    sha1: Option<Sha1>,
}

/// The memory of one job.
#[derive(Debug)]
pub(super) struct Found {
    path: Utf8PathBuf,
    known: Arc<HashMap<PathBuf, Find>>,
    file: Option<File>,
}

impl Found {
    /// What an earlier attempt of the job has found; and clears what jobs left that are over.
    pub(super) async fn open(ctx: &JobContext, dry_run: bool) -> Result<Self, OperationError> {
        let folder = ctx.app.config.data.join("adopting");
        let own = folder.join(ctx.job.to_string());
        if dry_run {
            return Ok(Self { path: own, known: Arc::default(), file: None });
        }
        let (listed, listing) = (own.clone(), folder);
        let others = cores::blocking(move || others(&listing, &listed)).await?;
        for (job, path) in others {
            let unfinished = jobs::show(&ctx.app.db, job).await.is_ok_and(|job| !job.state.is_final());
            if !unfinished {
                let _ = fs::remove_file(path);
            }
        }
        let path = own.clone();
        let read = cores::blocking(move || read(&path)).await?;
        let (known, file) = read.map_err(|e| {
            OperationError::new("data-folder", format!("cannot keep what is found in {own}; make room there"))
                .because(e)
        })?;
        Ok(Self { path: own, known: Arc::new(known), file: Some(file) })
    }

    /// What was found before.
    pub(super) fn known(&self) -> Arc<HashMap<PathBuf, Find>> {
        Arc::clone(&self.known)
    }

    /// Notes a find. What cannot be noted is hashed again by the next attempt.
    pub(super) fn note(&mut self, find: &Find) {
        let Some(file) = &mut self.file else { return };
        let FileDigests { sha256, sha1, .. } = find.digests;
        let line = Line { below: find.below.clone().into_os_string(), stamp: find.stamp, sha256, sha1 };
        let Ok(mut text) = serde_json::to_vec(&line) else { return };
        text.push(b'\n');
        if let Err(error) = file.write_all(&text) {
            tracing::debug!(%error, "what was found is not kept");
            self.file = None;
        }
    }

    /// The job is over.
    pub(super) fn forget(self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn others(folder: &camino::Utf8Path, own: &camino::Utf8Path) -> Vec<(JobId, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| path != own.as_std_path());
    paths.filter_map(|path| Some((job_of(&path)?, path))).collect()
}

fn job_of(path: &Path) -> Option<JobId> {
    JobId::from_str(path.file_name()?.to_str()?).ok()
}

fn read(path: &camino::Utf8Path) -> std::io::Result<(HashMap<PathBuf, Find>, File)> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::options().read(true).append(true).create(true).open(path)?;
    let mut known = HashMap::new();
    // The last line may be torn.
    for line in BufReader::new(&file).split(b'\n').map_while(Result::ok) {
        let Ok(Line { below, stamp, sha256, sha1 }) = serde_json::from_slice(&line) else { continue };
        let below = PathBuf::from(below);
        let digests = FileDigests { size_bytes: stamp.size_bytes, sha256, sha1 };
        known.insert(below.clone(), Find { below, stamp, digests });
    }
    (&file).write_all(b"\n")?;
    Ok((known, file))
}
