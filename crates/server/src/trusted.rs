//! Keys of other deployments whose manifests this server believes as its own: those of packages that it took over. They are
//! in the data folder, because who can change the database must not be able to make a key believed.

use std::{fs, io, io::Write as _, os::unix::fs::OpenOptionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_trust::PublicKey;

/// Its name in the data folder: a key on each line, `#` begins a comment.
pub(crate) const FILE: &str = "trusted.keys";

/// The keys; none where there is no file. A line that is no key is left out and told.
pub(crate) fn read(data: &Utf8Path) -> Vec<PublicKey> {
    let path = data.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "{path} cannot be read; its keys are not believed");
            return Vec::new();
        }
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let key = line.parse();
            if key.is_err() {
                tracing::warn!("{path} has a line that is no public key; it is not believed");
            }
            key.ok()
        })
        .collect()
}

/// Adds keys, durably. Returns whether any was new.
///
/// # Errors
/// The file cannot be written; then it is as it was.
pub(crate) fn add(data: &Utf8Path, keys: &[PublicKey]) -> io::Result<bool> {
    let (known, path) = (read(data), data.join(FILE));
    let new: Vec<&PublicKey> = keys.iter().filter(|key| !known.contains(key)).collect();
    if new.is_empty() {
        return Ok(false);
    }
    let mut text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            "# Public keys of other deployments whose manifests are believed: `store rebuild --trust` adds them.\n"
                .to_owned()
        }
        other => other?,
    };
    for key in new {
        text.push_str(&format!("{key}\n"));
    }
    let aside: Utf8PathBuf = data.join(format!("{FILE}.new"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, &path)?;
    fs::File::open(data)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_kept_once_and_what_is_no_key_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(folder.path()).unwrap();
        assert_eq!(read(data), []);
        let (one, two) = (PublicKey([1; 32]), PublicKey([2; 32]));
        assert!(add(data, &[one]).unwrap());
        fs::write(data.join(FILE), format!("{}not a key\n", fs::read_to_string(data.join(FILE)).unwrap())).unwrap();
        assert!(add(data, &[one, two]).unwrap());
        assert!(!add(data, &[two]).unwrap());
        assert_eq!(read(data), [one, two]);
    }
}
