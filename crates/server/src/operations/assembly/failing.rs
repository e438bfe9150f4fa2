//! Builds that failed: the state and reason that their rows get, and when they are tried again. What is served stays
//! served.

use std::time::Duration;

use patchwharf_db::{
    Write, packages,
    packages::{FileLack, Held, StateChange},
};
use patchwharf_model::{Timestamp, package::VersionState};
use patchwharf_store::PlaceError;

use super::{
    build::{Build, Current},
    fetching::Lack,
    plan, told,
};
use crate::{
    fetch::{FetchError, Meaning},
    jobs::JobContext,
    operations::OperationError,
};

/// First wait before what failed is tried again by itself; doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(5 * 60);
/// Longest wait: traffic to a vendor that stays broken is bounded.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A build that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The build.
    pub(crate) build: Build,
    /// What it lacks.
    pub(crate) files: Vec<FailedFile>,
    /// When it is tried again by itself.
    pub(crate) next_try: Option<Timestamp>,
}

/// A file that cannot be had.
#[derive(Clone, Debug)]
pub(crate) struct FailedFile {
    /// Its name.
    pub(crate) name: String,
    /// The state that says what kind of failure it is.
    pub(crate) state: VersionState,
    /// Why, and what to do.
    pub(crate) reason: String,
    /// Whether it is worth trying again without anybody's doing.
    pub(crate) passes: bool,
    /// How long the vendor wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl FailedFile {
    /// A file of a build, and why it has not come.
    pub(crate) fn new(build: &Build, at: usize, lack: &Lack) -> Self {
        let file = &build.files[at].file;
        let name = file.name.to_string();
        let (state, reason, passes, retry_after) = match lack {
            Lack::Fetch(FetchError::NoSource { .. }) => (VersionState::Wanted, needs_a_file(build, at), false, None),
            Lack::Fetch(error) => {
                let (state, passes) = match error.meaning() {
                    Meaning::VendorChanged => (VersionState::VendorChanged, false),
                    Meaning::Refused => (VersionState::Wanted, false),
                    Meaning::Unreachable | Meaning::NoSpace | Meaning::Local | Meaning::Stopped => {
                        (VersionState::Unreachable, true)
                    }
                };
                (state, told::with_causes(error), passes, error.retry_after())
            }
            Lack::Local(error) if error.is_another() => {
                (VersionState::VendorChanged, told::with_causes(error), false, None)
            }
            Lack::Local(error) => (VersionState::Unreachable, told::with_causes(error), true, None),
            Lack::ByHand(reason) | Lack::Foreign(reason) => (VersionState::Wanted, reason.clone(), false, None),
            Lack::Operation(error) => (VersionState::Unreachable, told::with_causes(error), true, None),
        };
        Self { name, state, reason, passes, retry_after }
    }
}

fn needs_a_file(build: &Build, at: usize) -> String {
    let file = &build.files[at].file;
    format!(
        "needs a file: the catalogue gives no URL for {} ({} bytes); fetch it by hand and give it with \
         `patchwharf package supply {} FILE`",
        file.name, file.size_bytes, build.update.update_key
    )
}

impl Failed {
    /// A build whose files have not all come. The wait before it is tried again grows with every try; one that a person
    /// asked for (`by_hand`) begins anew: whoever tries is at work on it, and must not push the next try into tomorrow.
    pub(crate) fn new(build: Build, files: Vec<FailedFile>, by_hand: bool, now: Timestamp) -> Self {
        let passes = files.iter().all(|file| file.passes);
        let asked = files.iter().filter_map(|file| file.retry_after).max().unwrap_or_default();
        let attempts = if by_hand { 0 } else { build.attempts.min(9) };
        let wait = FIRST_WAIT.saturating_mul(1 << attempts).clamp(asked.min(LONGEST_WAIT), LONGEST_WAIT);
        let next_try = passes.then(|| now.checked_add(wait).unwrap_or(Timestamp::MAX));
        Self { build, files, next_try }
    }

    /// A build that could not be placed on disk.
    pub(crate) fn not_placed(build: Build, error: &PlaceError) -> Self {
        let file = FailedFile {
            name: String::new(),
            state: VersionState::Wanted,
            reason: told::with_causes(error),
            passes: false,
            retry_after: None,
        };
        Self { build, files: vec![file], next_try: None }
    }

    /// The state that says most about why.
    pub(crate) fn state(&self) -> VersionState {
        [VersionState::VendorChanged, VersionState::Wanted]
            .into_iter()
            .find(|state| self.files.iter().any(|file| file.state == *state))
            .unwrap_or(VersionState::Unreachable)
    }

    /// Why, file by file.
    pub(crate) fn reason(&self) -> String {
        let mut text = self.files.iter().map(|file| file.reason.as_str()).collect::<Vec<_>>().join("; ");
        if let Some(next) = self.next_try {
            text = format!("{text}; tried again at {next}");
        }
        text
    }
}

/// Writes states and reasons. A version that is served keeps its place; the one that was to follow it goes, unless it
/// is the vendor's revision, which stays visible beside the one that is served.
pub(crate) async fn record(ctx: &JobContext, w: &mut Write<'_>, failed: &[Failed]) -> Result<(), OperationError> {
    if failed.is_empty() {
        return Ok(());
    }
    let mut states = Vec::new();
    let mut lacks = Vec::new();
    let mut gone = Vec::new();
    for one in failed {
        let build = &one.build;
        match &build.from {
            Some(from) if !from.revised || build.replaces.is_some() => {
                gone.push((build.package, build.version));
                states.extend(still_bad(from, one));
            }
            from => {
                let held = Held { package_id: build.package, version: build.version, token: build.token };
                let (state, next_try_at) = (one.state(), one.next_try);
                states.push(StateChange { held, state, reason: one.reason(), next_try_at });
                lacks.extend(lacks_of(one));
                states.extend(from.as_ref().and_then(|from| still_bad(from, one)));
            }
        }
    }
    if !lacks.is_empty() {
        packages::put_lacks(w, &lacks).await?;
    }
    if !states.is_empty() {
        packages::set_states(w, Some(ctx.job), &states).await?;
    }
    if !gone.is_empty() {
        packages::mark_versions_deleting(w, Some(ctx.job), &gone).await?;
    }
    Ok(())
}

fn lacks_of(one: &Failed) -> impl Iterator<Item = FileLack> {
    let named = one.files.iter().filter(|file| !file.name.is_empty());
    named.map(|file| FileLack {
        package_id: one.build.package,
        version: one.build.version,
        name: file.name.clone(),
        state: file.state,
        reason: file.reason.clone(),
    })
}

/// The current version was bad before and still is: its reason says why it was not mended.
fn still_bad(from: &Current, one: &Failed) -> Option<StateChange> {
    if from.bad.is_empty() {
        return None;
    }
    let found = from.bad.iter().map(|bad| bad.reason.as_str()).collect::<Vec<_>>().join("; ");
    Some(StateChange {
        held: Held { package_id: from.package, version: from.version, token: from.token },
        state: plan::overall(
            from.bad.iter().map(|bad| if bad.on_disk { VersionState::Corrupt } else { VersionState::Missing }),
        ),
        reason: format!("{found}; not mended: {}", one.reason()),
        next_try_at: one.next_try,
    })
}
