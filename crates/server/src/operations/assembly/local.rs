//! Files of an archive that lies in a folder of this machine: a mirror on a disk, a mounted medium.

use std::{fs::File, io, sync::Arc};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use patchwharf_store::{Expected, Location, Verified};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use url::Url;

use crate::operations::take::{TakeError, take};

/// A file below an archive's folder. The folder is the administrator's word; what lies below it is the catalogue's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalFile {
    folder: Utf8PathBuf,
    below: Utf8PathBuf,
}

impl LocalFile {
    /// The file that a `file:` URL names below a folder; none when it lies elsewhere.
    pub(crate) fn below(folder: &Utf8Path, url: &Url) -> Option<Self> {
        let path = Utf8PathBuf::from_path_buf(url.to_file_path().ok()?).ok()?;
        let below = path.strip_prefix(folder).ok()?;
        let plain = below.components().all(|part| matches!(part, Utf8Component::Normal(_)));
        (plain && below.components().next().is_some())
            .then(|| Self { folder: folder.to_owned(), below: below.to_owned() })
    }

    /// Takes it into a location's `.staging`, checked as a download is. Blocks.
    ///
    /// # Errors
    /// It cannot be read, leads out of its folder, or is not what is pinned.
    pub(crate) fn take(&self, location: &Arc<Location>, expected: Expected) -> Result<Verified, TakeError> {
        let path = self.folder.join(&self.below);
        let file = self.open().map_err(|source| TakeError::Read { path: path.clone(), source })?;
        take(file, &path, location, expected)
    }

    /// Links inside the archive are followed, none leads out of it; a pipe is not waited for.
    fn open(&self) -> io::Result<File> {
        let folder = openat2(
            CWD,
            self.folder.as_std_path(),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::empty(),
        )?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        Ok(openat2(&folder, self.below.as_std_path(), flags, Mode::empty(), inside)?.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_named() {
        let below = |url: &str| LocalFile::below("/srv/mirror".into(), &Url::parse(url).unwrap());
        assert_eq!(below("file:///srv/mirror/pool/a%20b.deb").unwrap().below, "pool/a b.deb");
        for out in [
            "file:///srv/mirror/../secret",
            "file:///srv/mirror/%2e%2e/secret",
            "file:///srv/mirror2/a.deb",
            "file:///srv/mirror/",
            "file://host/srv/mirror/a.deb",
            "http://host/srv/mirror/a.deb",
        ] {
            assert_eq!(below(out), None, "{out}");
        }
    }

    #[test]
    fn a_link_that_leads_out_is_not_followed_one_inside_is() {
        let home = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(home.path()).unwrap();
        let folder = root.join("mirror");
        std::fs::create_dir_all(folder.join("pool")).unwrap();
        std::fs::write(root.join("secret"), "s").unwrap();
        std::fs::write(folder.join("pool/a.deb"), "a").unwrap();
        std::os::unix::fs::symlink("../../secret", folder.join("pool/out.deb")).unwrap();
        std::os::unix::fs::symlink(root.join("secret"), folder.join("pool/absolute.deb")).unwrap();
        std::os::unix::fs::symlink("a.deb", folder.join("pool/in.deb")).unwrap();
        let open = |name: &str| LocalFile { folder: folder.clone(), below: format!("pool/{name}").into() }.open();
        assert!(open("in.deb").is_ok());
        assert!(open("out.deb").is_err() && open("absolute.deb").is_err());
    }
}
