//! The main point shown: damages staged files as a bad disk or a careless hand would.

use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
};

use anyhow::{Context as _, Result};
use camino::Utf8Path;

/// What was done to a file, in words for the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// One bit in the middle turned over; the length and the time stamp stay as they were.
    Rot,
    /// The second half cut off.
    Truncation,
    /// The file deleted.
    Loss,
}

impl Damage {
    pub(crate) const ALL: [Self; 3] = [Self::Rot, Self::Truncation, Self::Loss];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Rot => "turned one bit over, size and time stamp as before",
            Self::Truncation => "cut off its second half",
            Self::Loss => "deleted it",
        }
    }

    pub(crate) fn apply(self, path: &Utf8Path) -> Result<()> {
        match self {
            Self::Rot => rot(path),
            Self::Truncation => truncate(path),
            Self::Loss => fs::remove_file(path).map_err(Into::into),
        }
        .with_context(|| format!("damage {path}"))
    }
}

fn rot(path: &Utf8Path) -> Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (length, modified) = (file.metadata()?.len(), file.metadata()?.modified()?);
    let mut byte = [0];
    file.seek(SeekFrom::Start(length / 2))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::Start(length / 2))?;
    file.write_all(&[byte[0] ^ 1])?;
    file.set_modified(modified)?;
    Ok(())
}

fn truncate(path: &Utf8Path) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(file.metadata()?.len() / 2)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use camino::Utf8PathBuf;

    use super::*;

    #[test]
    fn rot_changes_bytes_but_neither_length_nor_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("f")).unwrap();
        fs::write(&path, b"0123456789").unwrap();
        let before = fs::metadata(&path).unwrap();
        Damage::Rot.apply(&path).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
        assert_eq!(fs::read(&path).unwrap(), b"0123446789");
    }
}
