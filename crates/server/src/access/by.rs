//! Who changes something, as the audit trail tells it.

use super::Principal;
use crate::app::App;

/// Who, and from where.
#[derive(Clone, Debug)]
pub struct By {
    /// The account's name, or `admin` for the holder of the data folder.
    pub(crate) actor: String,
    /// Whence: `api`, the client's address, and what proved who it is.
    pub(crate) source: String,
}

impl By {
    /// Begins a transaction of theirs.
    ///
    /// # Errors
    /// As [`patchwharf_db::Db::write`].
    pub(crate) async fn write<'a>(&self, app: &'a App) -> patchwharf_db::Result<patchwharf_db::Write<'a>> {
        app.db.write(&self.actor, &self.source, app.clock.now()).await
    }
}

impl From<&str> for By {
    fn from(actor: &str) -> Self {
        Self { actor: actor.to_owned(), source: "api".to_owned() }
    }
}

impl From<&Principal> for By {
    fn from(who: &Principal) -> Self {
        Self { actor: who.name.clone(), source: who.source.clone() }
    }
}
