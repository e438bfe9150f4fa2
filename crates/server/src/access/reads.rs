//! Reads that cost much: the whole audit trail hashed, a whole list or log written out. Whoever may read may have them, but not
//! all at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use patchwharf_model::{AccountId, api::Code};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Principal;
use crate::api::{ApiError, ApiResult};

/// Whole lists and logs that are written out at once: in all, and for one account.
const EXPORTS: usize = 8;
const OF_AN_ACCOUNT: u32 = 2;

/// What is being read.
#[derive(Debug)]
pub struct Reads {
    chain: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    by_account: Mutex<HashMap<Option<AccountId>, u32>>,
}

impl Default for Reads {
    fn default() -> Self {
        let of = |permits| Arc::new(Semaphore::new(permits));
        Self { chain: of(1), exports: of(EXPORTS), by_account: Mutex::default() }
    }
}

impl Reads {
    /// The one reading of the audit trail's chain.
    ///
    /// # Errors
    /// `busy`: it is read already.
    pub(crate) fn chain(&self) -> ApiResult<OwnedSemaphorePermit> {
        let detail = "The chain of the audit trail is being read already, and once is enough. Ask again in a moment.";
        Arc::clone(&self.chain).try_acquire_owned().map_err(|_| ApiError::new(Code::Busy, detail))
    }
}

/// A place for writing out a whole list; free again when dropped.
#[derive(Debug)]
pub(crate) struct Export {
    reads: Arc<Reads>,
    account: Option<AccountId>,
    _place: OwnedSemaphorePermit,
}

impl Export {
    /// Takes a place.
    ///
    /// # Errors
    /// `busy`: so many are under way already.
    pub(crate) fn begin(reads: &Arc<Reads>, who: &Principal) -> ApiResult<Self> {
        let busy = || {
            let detail = format!(
                "{OF_AN_ACCOUNT} files of one account are written out at once, {EXPORTS} in all. Ask again when one is done."
            );
            ApiError::new(Code::Busy, detail)
        };
        let place = Arc::clone(&reads.exports).try_acquire_owned().map_err(|_| busy())?;
        let account = who.account();
        let mut known = reads.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        let count = known.entry(account).or_default();
        if *count >= OF_AN_ACCOUNT {
            return Err(busy());
        }
        *count += 1;
        drop(known);
        Ok(Self { reads: Arc::clone(reads), account, _place: place })
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let mut known = self.reads.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                known.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use patchwharf_model::{Role, SessionId};

    use super::*;

    #[test]
    fn one_account_writes_out_so_much_and_all_together_no_more_than_so_much() {
        let reads = Arc::<Reads>::default();
        let anybody = || Principal::signed_in("aud".into(), Role::Auditor, AccountId::new(), SessionId::new());
        let (one, other) = (anybody(), anybody());
        let held = [Export::begin(&reads, &one).unwrap(), Export::begin(&reads, &one).unwrap()];
        let refused = Export::begin(&reads, &one).unwrap_err();
        assert_eq!((refused.problem().code.as_str(), refused.problem().status), ("busy", 503));
        let others: Vec<_> = (0..6).map(|_| Export::begin(&reads, &anybody()).unwrap()).collect();
        Export::begin(&reads, &other).unwrap_err();
        drop(held);
        Export::begin(&reads, &one).unwrap();
        Export::begin(&reads, &other).unwrap();
        drop(others);
        assert!(reads.by_account.lock().unwrap().is_empty() && reads.exports.available_permits() == EXPORTS);
    }

    #[test]
    fn the_chain_is_read_once_at_a_time() {
        let reads = Reads::default();
        let reading = reads.chain().unwrap();
        assert_eq!(reads.chain().unwrap_err().problem().code, "busy");
        drop(reading);
        drop(reads.chain().unwrap());
    }
}
