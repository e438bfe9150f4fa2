//! One download per file, however many wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use patchwharf_model::{LocationId, update::VendorDigest};
use patchwharf_store::Verified;
use tokio::sync::Mutex as AsyncMutex;

use super::{FetchError, FetchRequest, Inner};

type Key = (LocationId, VendorDigest, u64);
type Outcome = Result<Weak<Verified>, FetchError>;
type Slot = Arc<AsyncMutex<Option<Outcome>>>;

/// Below so many slots none is cleared away.
const FEW: usize = 256;

/// The files that are on their way or verified and not yet placed, and how the last download of each ended.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<Slots>);

#[derive(Debug, Default)]
struct Slots {
    by_key: HashMap<Key, Slot>,
    /// How many stayed when the dead ones were cleared away last.
    stayed: usize,
}

impl Shared {
    fn slot(&self, key: Key) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Only when they have doubled: looking at all of them for each file would be quadratic.
        if slots.by_key.len() > FEW.max(2 * slots.stayed) {
            slots.clear_away();
        }
        Arc::clone(slots.by_key.entry(key).or_default())
    }
}

impl Slots {
    fn clear_away(&mut self) {
        let alive = |slot: &Slot| match slot.try_lock().as_deref() {
            Ok(Some(Ok(verified))) => verified.strong_count() > 0,
            Ok(_) => false,
            Err(_) => true,
        };
        self.by_key.retain(|_, slot| Arc::strong_count(slot) > 1 || alive(slot));
        self.stayed = self.by_key.len();
    }
}

impl Inner {
    /// Downloads, or takes the result of the download that was on its way when the request came. One that was stopped
    /// for its own job's sake is taken up by the next in line, who resumes it.
    pub(super) async fn shared(&self, request: &FetchRequest) -> Result<Arc<Verified>, FetchError> {
        let key = (request.into.id(), request.expected.digest, request.expected.size_bytes);
        let slot = self.shared.slot(key);
        let mut result = match slot.try_lock() {
            Ok(mut free) => {
                // An error concerns those who waited for it, not those who come later.
                if matches!(*free, Some(Err(_))) {
                    *free = None;
                }
                free
            }
            Err(_) => tokio::select! {
                reason = request.stop.asked() => return Err(FetchError::Stopped(reason)),
                waited = slot.lock() => waited,
            },
        };
        match &*result {
            Some(Ok(verified)) => {
                if let Some(verified) = verified.upgrade() {
                    request.progress.resumed_at(request.expected.size_bytes);
                    return Ok(verified);
                }
            }
            Some(Err(FetchError::Stopped(_))) | None => {}
            Some(Err(error)) => return Err(error.clone()),
        }
        let ended = self.file(request).await.map(Arc::new);
        *result = Some(ended.as_ref().map(Arc::downgrade).map_err(Clone::clone));
        ended
    }
}
