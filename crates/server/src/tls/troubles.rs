//! What is not well with the certificates, for the dashboard and for messages.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What is not well now: a sentence for each thing, with what to do.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Troubles {
    /// Each thing with its sentence.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, String)> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(thing, sentence)| (*thing, sentence.clone())).collect()
    }

    /// Notes how a thing is; a change is logged.
    pub(super) fn note(&self, thing: &'static str, trouble: Option<String>) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(sentence) if troubles.get(thing) == Some(&sentence) => {}
            Some(sentence) => {
                tracing::error!(reason = %sentence, "{thing} is not well");
                troubles.insert(thing, sentence);
            }
            None if troubles.remove(thing).is_some() => tracing::info!("{thing} is well again"),
            None => {}
        }
    }
}
