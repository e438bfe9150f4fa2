//! Which files are on their way right now: no two downloads of one file.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// Names (in `.staging`) of files on their way in this process.
pub(crate) type InFlight = HashSet<String>;

/// The file is on its way already.
#[derive(Debug)]
pub(crate) struct Busy;

/// The exclusive right to one name, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    name: String,
    taken: Arc<Mutex<InFlight>>,
}

impl Slot {
    /// Takes `name`, unless another has it.
    pub(crate) fn take(taken: &Arc<Mutex<InFlight>>, name: String) -> Result<Self, Busy> {
        let new = taken.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        if new { Ok(Self { name, taken: Arc::clone(taken) }) } else { Err(Busy) }
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}
