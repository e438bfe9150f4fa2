//! Folders, files and links that are made once and never written over.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink},
};

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::Timestamp;

use super::user;
pub(super) use crate::files::Owner;
use crate::files::{replace_file_with, sync_folder};

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

impl Owner {
    /// Whoever runs this.
    pub(super) fn own() -> Self {
        Self::default()
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

/// Something is there: so, or with another owner or mode, with which the service may not work, or others may read secrets.
fn there(path: &Utf8Path, mode: u32, owner: Owner) -> Result<Done> {
    let meta = fs::metadata(path).with_context(|| format!("cannot look at {path}"))?;
    let (user, group, has) = (meta.uid(), meta.gid(), meta.mode() & 0o7777);
    let (wanted_user, wanted_group) = (owner.user.unwrap_or(user), owner.group.unwrap_or(group));
    let mut mend = Vec::new();
    if (user, group) != (wanted_user, wanted_group) {
        mend.push(format!("chown {wanted_user}:{wanted_group} {path}"));
    }
    if has != mode {
        mend.push(format!("chmod {mode:o} {path}"));
    }
    if mend.is_empty() {
        return Ok(Done::new(path, Outcome::There));
    }
    let found = format!("it belongs to {user}:{group} and has mode {has:04o}, which is not what the service needs");
    Ok(Done::new(path, Outcome::Kept(format!("{found}; unless that is meant: {}", mend.join(" && ")))))
}

/// Makes a folder that others use too; one that is there is theirs.
pub(super) fn common_folder(path: &Utf8Path, dry_run: bool) -> Result<Done> {
    if path.is_dir() {
        return Ok(Done::new(path, Outcome::There));
    }
    folder(path, 0o755, Owner::own(), dry_run)
}

/// Makes a folder, and those above it.
pub(super) fn folder(path: &Utf8Path, mode: u32, owner: Owner, dry_run: bool) -> Result<Done> {
    if path.is_dir() {
        return there(path, mode, owner);
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
        path.parent().map_or(Ok(()), sync_folder)
    };
    make().with_context(|| format!("cannot make the folder {path}"))?;
    Ok(Done::new(path, Outcome::Made))
}

/// Makes the configuration file, unless there is one: that is an administrator's work, and nothing replaces it.
pub(super) fn configuration(path: &Utf8Path, text: &str, mode: u32, owner: Owner, dry_run: bool) -> Result<Done> {
    if fs::read_to_string(path).is_ok_and(|there| there != text) {
        let advice = "it was changed, or is of another version: it stays. `patchwharf init --root FOLDER` writes the one of \
                      this version below FOLDER, to compare";
        // Whether the service can read it goes first.
        return Ok(match there(path, mode, owner)? {
            Done { outcome: Outcome::There, .. } => Done::new(path, Outcome::Kept(advice.to_owned())),
            done => done,
        });
    }
    file(path, text, mode, owner, false, dry_run)
}

/// Makes a file, unless there is one. One that differs is an administrator's work, or of another version: only `force`
/// replaces it.
pub(super) fn file(path: &Utf8Path, text: &str, mode: u32, owner: Owner, force: bool, dry_run: bool) -> Result<Done> {
    let failed = || format!("cannot write {path}");
    let is_there = match fs::read_to_string(path) {
        Ok(found) if found == text => return there(path, mode, owner),
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
        return Ok(Done::new(path, if is_there { Outcome::WouldReplace } else { Outcome::WouldMake }));
    }
    if !is_there {
        replace_file_with(path, text.as_bytes(), mode, owner).with_context(failed)?;
        return Ok(Done::new(path, Outcome::Made));
    }
    // The old one keeps its owner and mode under its new name; for a moment there are two, never none.
    let copy = Utf8PathBuf::from(format!("{path}.{}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
    fs::hard_link(path, &copy).with_context(|| format!("cannot keep {path} as {copy}"))?;
    let meta = fs::metadata(path).with_context(failed)?;
    let owner = Owner { user: Some(meta.uid()), group: Some(meta.gid()) };
    replace_file_with(path, text.as_bytes(), meta.mode() & 0o777, owner).with_context(failed)?;
    Ok(Done::new(path, Outcome::Replaced(copy)))
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
