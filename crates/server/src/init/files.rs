//! Folders, files and links that are made once and never written over.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, symlink},
};

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::Timestamp;

use super::user;

/// What became of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// What.
    pub(crate) thing: String,
    /// What became of it.
    pub(crate) outcome: Outcome,
}

/// What became of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was made.
    Made,
    /// It would be made.
    WouldMake,
    /// It is there, as it would be made.
    There,
    /// It is there, and differs: it stays. What to do where that is not meant.
    Kept(String),
    /// It was replaced; this is the copy of what was there.
    Replaced(Utf8PathBuf),
    /// It would be replaced.
    WouldReplace,
}

impl Done {
    pub(super) fn new(thing: impl ToString, outcome: Outcome) -> Self {
        Self { thing: thing.to_string(), outcome }
    }
}

/// Whose a new thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    user: Option<u32>,
    group: Option<u32>,
}

impl Owner {
    /// Whoever runs this.
    pub(super) fn own() -> Self {
        Self { user: None, group: None }
    }

    /// An account. `perhaps`: it may not be there yet, and nothing is given to it.
    pub(super) fn of(name: &str, perhaps: bool) -> Result<Self> {
        match user::ids(name)? {
            Some((user, group)) => Ok(Self { user: Some(user), group: Some(group) }),
            None if perhaps => Ok(Self::own()),
            None => bail!("there is no user {name}; make it, or leave --no-user out"),
        }
    }

    /// The group alone: it may read, and root writes.
    pub(super) fn group_only(self) -> Self {
        Self { user: None, ..self }
    }

    fn give(self, path: &Utf8Path) -> io::Result<()> {
        if self == Self::own() { Ok(()) } else { chown(path, self.user, self.group) }
    }
}

/// Makes a folder, and those above it.
pub(super) fn folder(path: &Utf8Path, mode: u32, owner: Owner, dry_run: bool) -> Result<Done> {
    if path.is_dir() {
        return Ok(Done::new(path, Outcome::There));
    }
    if dry_run {
        return Ok(Done::new(path, Outcome::WouldMake));
    }
    let make = || -> io::Result<()> {
        if let Some(parent) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        }
        DirBuilder::new().mode(mode).create(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        owner.give(path)?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    make().with_context(|| format!("cannot make the folder {path}"))?;
    Ok(Done::new(path, Outcome::Made))
}

/// Makes the configuration file, unless there is one: that is an administrator's work, and nothing replaces it.
pub(super) fn configuration(path: &Utf8Path, text: &str, mode: u32, owner: Owner, dry_run: bool) -> Result<Done> {
    if fs::read_to_string(path).is_ok_and(|there| there != text) {
        let advice = "it was changed, or is of another version: it stays. `patchwharf init --root FOLDER` writes the one of \
                      this version below FOLDER, to compare";
        return Ok(Done::new(path, Outcome::Kept(advice.to_owned())));
    }
    file(path, text, mode, owner, false, dry_run)
}

/// Makes a file, unless there is one. One that differs is an administrator's work, or of another version: only `force`
/// replaces it.
pub(super) fn file(path: &Utf8Path, text: &str, mode: u32, owner: Owner, force: bool, dry_run: bool) -> Result<Done> {
    let failed = || format!("cannot write {path}");
    let there = match fs::read_to_string(path) {
        Ok(there) if there == text => return Ok(Done::new(path, Outcome::There)),
        Ok(_) if !force => {
            let advice =
                "it differs from what this version would write; --force replaces it and keeps a copy beside it";
            return Ok(Done::new(path, Outcome::Kept(advice.to_owned())));
        }
        Ok(_) => true,
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        Err(e) => return Err(e).with_context(failed),
    };
    if dry_run {
        return Ok(Done::new(path, if there { Outcome::WouldReplace } else { Outcome::WouldMake }));
    }
    if !there {
        put(path, text, mode, owner).with_context(failed)?;
        return Ok(Done::new(path, Outcome::Made));
    }
    // The old one keeps its owner and mode under its new name; for a moment there are two, never none.
    let copy = Utf8PathBuf::from(format!("{path}.{}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
    fs::hard_link(path, &copy).with_context(|| format!("cannot keep {path} as {copy}"))?;
    let meta = fs::metadata(path).with_context(failed)?;
    let owner = Owner { user: Some(meta.uid()), group: Some(meta.gid()) };
    put(path, text, meta.mode() & 0o777, owner).with_context(failed)?;
    Ok(Done::new(path, Outcome::Replaced(copy)))
}

/// Written aside, durable, then named.
fn put(path: &Utf8Path, text: &str, mode: u32, owner: Owner) -> io::Result<()> {
    let aside = Utf8PathBuf::from(format!("{path}.new"));
    let _ = fs::remove_file(&aside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    owner.give(&aside)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Makes a link in the data folder, so that every command finds the configuration there.
pub(super) fn link(path: &Utf8Path, to: &Utf8Path, dry_run: bool) -> Result<Done> {
    match fs::read_link(path) {
        Ok(there) if there == to.as_std_path() => return Ok(Done::new(path, Outcome::There)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Ok(_) | Err(_) => {
            let advice = format!("it is no link to {to}, and counts instead of it: move it away and run this again");
            return Ok(Done::new(path, Outcome::Kept(advice)));
        }
    }
    if dry_run {
        return Ok(Done::new(path, Outcome::WouldMake));
    }
    symlink(to, path).with_context(|| format!("cannot make the link {path}"))?;
    Ok(Done::new(path, Outcome::Made))
}
