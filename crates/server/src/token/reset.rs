//! A new token for someone who holds the data folder.

use std::{fs, io, os::unix::fs::MetadataExt as _};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::FILE;
use crate::files::{Owner, replace_file_with};

/// Puts a new token in the place of the old one, at one stroke: a crash leaves the old one or the new one. The file
/// belongs to the owner of the folder, also when root makes it. Returns its path.
///
/// # Errors
/// There is no such folder, or it cannot be written.
pub(crate) fn reset(data: &Utf8Path) -> anyhow::Result<Utf8PathBuf> {
    let owner = fs::metadata(data).with_context(|| {
        format!("there is no data folder {data}; name the server's own by --data, as `serve` has it")
    })?;
    anyhow::ensure!(
        data.join("instance.id").exists() || data.join(FILE).exists(),
        "{data} is not the data folder of a server: no server ever ran on it; name the right one by --data"
    );
    let token = patchwharf_trust::random_token()?;
    let path = data.join(FILE);
    put(&path, &token, (owner.uid(), owner.gid())).with_context(|| format!("cannot write {path}"))?;
    Ok(path)
}

fn put(path: &Utf8Path, token: &str, (user, group): (u32, u32)) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw() == user;
    let owner = if own { Owner::default() } else { Owner { user: Some(user), group: Some(group) } };
    replace_file_with(path, format!("{token}\n").as_bytes(), 0o600, owner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::token::AdminToken;

    #[test]
    fn a_new_token_counts_at_once_and_the_old_one_is_dead() {
        let home = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(home.path()).unwrap();
        let token = AdminToken::open(data).unwrap();
        let read = || fs::read_to_string(data.join(FILE)).unwrap().trim().to_owned();
        let (old, id) = (read(), token.id());
        assert!(token.matches(&old));
        let path = reset(data).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(token.matches(&read()) && !token.matches(&old));
        assert_ne!(token.id(), id);
        assert!(!token.id().contains(&read()[..8]));
    }

    #[test]
    fn a_token_file_that_others_can_read_changes_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(home.path()).unwrap();
        let token = AdminToken::open(data).unwrap();
        let old = fs::read_to_string(data.join(FILE)).unwrap();
        fs::write(data.join("other"), "a-token-that-everybody-could-have-read\n").unwrap();
        fs::set_permissions(data.join("other"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::rename(data.join("other"), data.join(FILE)).unwrap();
        assert!(!token.matches("a-token-that-everybody-could-have-read"));
        assert!(token.matches(old.trim()));
        fs::remove_file(data.join(FILE)).unwrap();
        assert!(token.matches(old.trim()), "a file that is gone for a moment locks nobody out");
    }

    #[test]
    fn a_folder_that_is_no_data_folder_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(home.path()).unwrap();
        assert!(format!("{:#}", reset(data).unwrap_err()).contains("--data"));
        assert!(format!("{:#}", reset(&data.join("nothing")).unwrap_err()).contains("no data folder"));
        assert_eq!(fs::read_dir(data).unwrap().count(), 0);
    }
}
