//! Space that downloads will need: reserved before the first byte comes (S-25).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use patchwharf_model::LocationId;
use patchwharf_store::Location;

use super::FetchError;

/// Bytes that downloads on their way have still to write, per location.
#[derive(Clone, Debug, Default)]
pub(super) struct Reservations(Arc<Mutex<HashMap<LocationId, u64>>>);

/// Space for one download; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    all: Reservations,
    location: LocationId,
    bytes: u64,
}

impl Reservations {
    /// Reserves space, if it is there beside what others have reserved and what stays free.
    pub(super) fn reserve(
        &self,
        name: &str,
        location: &Location,
        bytes: u64,
        reserve_bytes: u64,
    ) -> Result<Reservation, FetchError> {
        let path = location.path().to_string();
        let space = location.space().map_err(|e| FetchError::local(name, &path, e))?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reserved = all.entry(location.id()).or_default();
        let needed_bytes = reserved.saturating_add(bytes);
        let free_bytes = space.free_bytes;
        if needed_bytes.saturating_add(reserve_bytes) > free_bytes || space.free_inodes.is_some_and(|n| n < 16) {
            return Err(FetchError::NoSpace { name: name.to_owned(), path, needed_bytes, free_bytes, reserve_bytes });
        }
        *reserved = needed_bytes;
        Ok(Reservation { all: self.clone(), location: location.id(), bytes })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reserved) = all.get_mut(&self.location) {
            *reserved = reserved.saturating_sub(self.bytes);
        }
    }
}
