//! Proving a file anew before it is served, and what happens when it cannot be proved.

use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use patchwharf_db::packages::{self, Content, FileResult, Held, Verified};
use patchwharf_model::{
    FileName, JobId, LocationId, PackageId, Sha256,
    api::Code,
    job::{JobRequest, Selection},
    package::{ProofStamp, VersionState},
};
use patchwharf_store::DiskError;
use patchwharf_trust::FileHasher;
use tokio::sync::OnceCell;

use super::{
    Proved,
    readers::{Lease, Readers},
};
use crate::{
    api::{ApiError, ApiResult},
    app::App,
    jobs::Order,
};

/// How long a version that stays damaged is left alone before a request orders another refresh.
const REFRESH_PAUSE: Duration = Duration::from_secs(300);

/// A file's place in the store.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) package: PackageId,
    pub(super) version: u64,
    pub(super) name: FileName,
}

/// What was found there.
pub(super) enum Found {
    Good(Proved),
    Bad(Bad),
}

/// What is wrong.
#[derive(Clone, Debug)]
pub(super) struct Bad {
    pub(super) state: VersionState,
    pub(super) reason: String,
}

impl Bad {
    pub(super) fn from_disk(error: &DiskError) -> Self {
        if error.is_missing() {
            return Self { state: VersionState::Missing, reason: "the file is not there".to_owned() };
        }
        // Without the path: this text goes to clients.
        Self { state: VersionState::Corrupt, reason: format!("it cannot be read: {}", error.source) }
    }
}

/// What one hash has shown; all who wait for it share it.
type Check = Arc<OnceCell<Option<Bad>>>;

/// What the download side remembers: files that are being hashed, and refreshes that were ordered.
#[derive(Debug, Default)]
pub struct Downloads {
    hashing: Mutex<HashMap<(LocationId, ProofStamp), Check>>,
    reading: Readers,
    ordered: Mutex<HashMap<(PackageId, u64), (Instant, JobId)>>,
}

impl Downloads {
    /// Whether a download of this server reads the version from that location now.
    #[must_use]
    pub fn reads(&self, location: LocationId, package: PackageId, version: u64) -> bool {
        self.reading.reads(location, package, version)
    }

    /// Notes a download until the lease is dropped.
    pub(super) fn lease(&self, location: LocationId, place: &Place) -> Lease {
        self.reading.lease(location, place.package, place.version)
    }
}

/// Hashes the bytes of an open file that has no standing proof; all who ask for it meanwhile share the one hash.
pub(super) async fn renew(
    app: &Arc<App>,
    place: &Place,
    content: &Content,
    sha256: Sha256,
    file: Arc<File>,
    stamp: ProofStamp,
) -> ApiResult<Found> {
    let key = (content.location_id, stamp);
    let cell = Arc::clone(lock(&app.downloads.hashing).entry(key).or_default());
    let check = || {
        let (file, size_bytes) = (Arc::clone(&file), content.size_bytes);
        let held = Held { package_id: place.package, version: place.version, token: content.token };
        let (app, name, state) = (Arc::clone(app), place.name.clone(), content.version_state);
        // A task of its own: a client that goes away does not stop the hash that others wait for.
        tokio::spawn(async move {
            let checked = tokio::task::spawn_blocking(move || check(&file, stamp, size_bytes, sha256)).await;
            let bad = checked.unwrap_or_else(|stopped| Some(unreadable(&stopped)));
            if bad.is_none() {
                note_good(&app, held, state, &name, stamp, sha256).await;
            }
            bad
        })
    };
    let bad = cell.get_or_init(|| async { check().await.unwrap_or_else(|stopped| Some(unreadable(&stopped))) }).await;
    lock(&app.downloads.hashing).remove(&key);
    Ok(match bad.clone() {
        Some(bad) => Found::Bad(bad),
        None => {
            let lease = app.downloads.lease(content.location_id, place);
            Found::Good(Proved { file, size_bytes: content.size_bytes, mtime_ns: stamp.mtime_ns, sha256, lease })
        }
    })
}

/// None: the bytes are right, and nobody touched the file meanwhile.
fn check(file: &File, stamp: ProofStamp, size_bytes: u64, sha256: Sha256) -> Option<Bad> {
    let corrupt = |reason: String| Some(Bad { state: VersionState::Corrupt, reason });
    if stamp.size_bytes != size_bytes {
        return corrupt(format!("it has {} bytes instead of {size_bytes}", stamp.size_bytes));
    }
    let mut hasher = FileHasher::new();
    let mut buffer = vec![0; 1024 * 1024];
    let mut at = 0;
    loop {
        match file.read_at(&mut buffer, at) {
            Ok(0) => break,
            Ok(length) => {
                hasher.update(&buffer[..length]);
                at += length as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Some(unreadable(&error)),
        }
    }
    let found = hasher.finish().sha256;
    if found == sha256 { None } else { corrupt(format!("expected SHA-256 {sha256}, found {found}")) }
}

fn unreadable(error: &dyn std::fmt::Display) -> Bad {
    Bad { state: VersionState::Corrupt, reason: format!("it cannot be read: {error}") }
}

/// Stores the new proof. Should that fail, the file is served all the same and hashed again next time.
async fn note_good(app: &App, held: Held, state: VersionState, name: &FileName, stamp: ProofStamp, sha256: Sha256) {
    let file = FileResult {
        name: name.to_string(),
        state: VersionState::Staged,
        reason: String::new(),
        proof: Some((stamp, sha256)),
    };
    let verified = Verified { held, state, reason: String::new(), files: vec![file] };
    if let Err(error) = write(app, &verified).await {
        tracing::warn!(package = %held.package_id, file = %name, %error, "could not store the proof of a file");
    }
    tracing::debug!(package = %held.package_id, version = held.version, file = %name, "file proved anew before serving");
}

async fn write(app: &App, verified: &Verified) -> patchwharf_db::Result<()> {
    let now = app.clock.now();
    let mut write = app.db.write("server", "download", now).await?;
    packages::put_verified(&mut write, None, now, std::slice::from_ref(verified)).await?;
    write.commit().await
}

/// Damage that this request found: the state changes, a refresh is ordered, and the client is told.
pub(super) async fn damaged(app: &Arc<App>, place: &Place, content: &Content, bad: Bad) -> ApiError {
    let held = Held { package_id: place.package, version: place.version, token: content.token };
    let file = FileResult { name: place.name.to_string(), state: bad.state, reason: bad.reason.clone(), proof: None };
    let reason = format!("{}: {}", place.name, bad.reason);
    let verified = Verified { held, state: bad.state, reason, files: vec![file] };
    tracing::error!(package = %place.package, version = place.version, file = %place.name, state = %bad.state,
        reason = %bad.reason, "a file was asked for and is not served");
    if let Err(error) = write(app, &verified).await {
        tracing::error!(package = %place.package, %error, "could not record that a file is damaged");
    }
    known_damage(app, place, bad.state, &bad.reason).await
}

/// Damage that is on record: says so, and sees to it that a refresh is on its way.
pub(super) async fn known_damage(app: &Arc<App>, place: &Place, state: VersionState, reason: &str) -> ApiError {
    let code = if state == VersionState::Missing { Code::FileMissing } else { Code::FileCorrupt };
    let detail = format!(
        "{} of package {} version {} is not served: {reason}. A quick refresh brings it back; ask again later.",
        place.name, place.package, place.version
    );
    let error = ApiError::new(code, detail);
    match order_refresh(app, place).await {
        Some(job) => error.with_job(job),
        None => error,
    }
}

async fn order_refresh(app: &Arc<App>, place: &Place) -> Option<JobId> {
    // A version that was mended and is damaged again is another version.
    let (package, version) = (place.package, place.version);
    if let Some((at, job)) = lock(&app.downloads.ordered).get(&(package, version))
        && at.elapsed() < REFRESH_PAUSE
    {
        return Some(*job);
    }
    let request = JobRequest::RefreshQuick { of: Selection::Packages(vec![package]) };
    match app.jobs.order(request, Order::by("server").from("download")).await {
        Ok(ordered) => {
            let mut remembered = lock(&app.downloads.ordered);
            remembered.retain(|_, (at, _)| at.elapsed() < REFRESH_PAUSE);
            remembered.insert((package, version), (Instant::now(), ordered.job));
            Some(ordered.job)
        }
        Err(error) => {
            tracing::error!(package = %package, %error, "could not order a refresh of a damaged package");
            None
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
