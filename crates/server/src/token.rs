//! The administrator's token: a file in the data folder that only its owner can read, and what it says now.
//!
//! Who can write the folder is the administrator: a new file (`patchwharf user reset`) counts from the next request on,
//! and the token before it is dead.

mod reset;

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    sync::{PoisonError, RwLock},
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::settings;

pub(crate) use reset::reset;

use crate::{
    app::{App, Secret},
    start::secrets,
};

/// In the data folder.
pub(crate) const FILE: &str = "admin.token";

/// The administrator's token as its file has it.
#[derive(Debug)]
pub struct AdminToken {
    path: Utf8PathBuf,
    held: RwLock<Held>,
}

#[derive(Clone, Debug)]
struct Held {
    seen: Option<Seen>,
    secret: Secret,
}

/// What the file system says of the file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    inode: u64,
    mtime_ns: (i64, i64),
    ctime_ns: (i64, i64),
}

impl AdminToken {
    /// Reads the token, or makes one at the first start.
    ///
    /// # Errors
    /// The file cannot be read or made, could have been read by others, or holds no token.
    pub(crate) fn open(data: &Utf8Path) -> anyhow::Result<Self> {
        let path = data.join(FILE);
        secrets::make_admin_token(&path)?;
        let seen = look(&path);
        let held = Held { seen, secret: secrets::read_admin_token(&path)? };
        Ok(Self { path, held: RwLock::new(held) })
    }

    /// Whether this is the token.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        self.follow();
        self.held().secret.matches(presented)
    }

    /// A name of the token that tells nothing of it: the beginning of its SHA-256.
    #[must_use]
    pub fn id(&self) -> String {
        self.follow();
        let digest = patchwharf_trust::sha256(self.held().secret.reveal().as_bytes()).to_string();
        digest[..16].to_owned()
    }

    /// The token itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.held().secret.reveal().to_owned()
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again when it is another one than the last time. One that cannot be used changes nothing.
    fn follow(&self) {
        let seen = look(&self.path);
        if seen.is_none() || seen == self.held().seen {
            return;
        }
        let read = secrets::read_admin_token(&self.path);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.seen = seen;
        match read {
            Ok(secret) if held.secret == secret => {}
            Ok(secret) => {
                held.secret = secret;
                tracing::warn!("the administrator's token was replaced in {}; the one before is dead", self.path);
            }
            Err(error) => tracing::error!(error = %format!("{error:#}"), "the token before goes on counting"),
        }
    }
}

fn look(path: &Utf8Path) -> Option<Seen> {
    let meta = fs::metadata(path).ok()?;
    Some(Seen {
        inode: meta.ino(),
        mtime_ns: (meta.mtime(), meta.mtime_nsec()),
        ctime_ns: (meta.ctime(), meta.ctime_nsec()),
    })
}

/// Writes a change of the token into the audit trail, whoever made it and whenever; by the file's own proof it was
/// somebody who holds the data folder.
///
/// # Errors
/// When the database fails.
pub(crate) async fn note_change(app: &App) -> patchwharf_db::Result<()> {
    let name = format!("admin-token.{}", app.instance);
    let (now, id) = (app.clock.now(), app.admin_token.id());
    let before = settings::get(&app.db, &name).await?;
    if before.as_ref() == Some(&id) {
        return Ok(());
    }
    let mut write = app.db.write("owner of the data folder", "data folder", now).await?;
    settings::note(&mut write, &name, &id).await?;
    let action = if before.is_some() { "user.reset" } else { "user.create" };
    write.audit(action, "user admin", before.map(|id| format!("token {id}")), Some(format!("token {id}")));
    write.commit().await
}
