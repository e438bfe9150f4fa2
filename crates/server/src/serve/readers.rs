//! Which versions are being read now, and from where.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use patchwharf_model::{LocationId, PackageId};

/// A version at a location.
type Place = (LocationId, PackageId, u64);

/// Running downloads, counted by what they read.
#[derive(Clone, Debug, Default)]
pub(super) struct Readers(Arc<Mutex<HashMap<Place, usize>>>);

/// A running download; over when the last clone is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    readers: Readers,
    place: Place,
}

impl Readers {
    /// Whether somebody reads this now.
    pub(super) fn reads(&self, location: LocationId, package: PackageId, version: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&(location, package, version))
    }

    /// Notes a reader.
    pub(super) fn lease(&self, location: LocationId, package: PackageId, version: u64) -> Lease {
        let place = (location, package, version);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_default() += 1;
        Lease { readers: self.clone(), place }
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        let (location, package, version) = self.place;
        self.readers.lease(location, package, version)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut readers = self.readers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = readers.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_until_its_last_reader_has_ended() {
        let readers = Readers::default();
        let (location, package) = (LocationId::new(), PackageId::new());
        let one = readers.lease(location, package, 1);
        let two = one.clone();
        drop(one);
        assert!(readers.reads(location, package, 1));
        assert!(!readers.reads(location, package, 2) && !readers.reads(LocationId::new(), package, 1));
        drop(two);
        assert!(!readers.reads(location, package, 1));
    }
}
