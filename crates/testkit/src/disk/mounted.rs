//! A file system in a file, mounted by way of a loop device.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::run;

/// How long the last file of a killed process may take to be closed. Generous: the machine may be busy.
const RELEASE: Duration = Duration::from_secs(20);

/// Unmounted, and its loop device given back, when dropped.
#[derive(Debug)]
pub(super) struct Mounted {
    device: Option<String>,
    path: PathBuf,
    is_mounted: bool,
}

impl Mounted {
    /// Mounts `image` at the folder `path`.
    pub(super) fn new(image: &Path, path: &Path) -> Result<Self, String> {
        let device = run("losetup", &["--find", "--show", text(image)?])?.trim().to_owned();
        let mut mounted = Self { device: Some(device), path: path.to_owned(), is_mounted: false };
        mounted.mount()?;
        Ok(mounted)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Unmounts (the users must be gone) and mounts again; the journal is replayed.
    pub(super) fn again(&mut self) -> Result<(), String> {
        self.unmount();
        self.mount()
    }

    /// Unmounts, everything written, and gives the device back.
    pub(super) fn end(mut self) {
        self.unmount();
        self.detach().unwrap_or_else(|e| panic!("the loop device stays: {e}"));
    }

    fn mount(&mut self) -> Result<(), String> {
        run("mount", &[self.device.as_deref().unwrap_or_default(), text(&self.path)?])?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) {
        let path = text(&self.path).expect("it was mounted by this name");
        crate::eventually("the disk is no longer in use", RELEASE, || run("umount", &[path]).ok());
        self.is_mounted = false;
        // A mount namespace that another program made meanwhile has the mount too, and a second mount would be the same
        // file system, still without power.
        let name = self.device.as_deref().and_then(|device| device.rsplit('/').next()).unwrap_or_default();
        let alive =
            || ["ext4", "xfs"].map(|kind| Path::new("/sys/fs").join(kind).join(name)).iter().any(|p| p.exists());
        crate::eventually("the file system is gone from the kernel", RELEASE, || (!alive()).then_some(()));
    }

    fn detach(&mut self) -> Result<(), String> {
        self.device.take().map_or(Ok(()), |device| run("losetup", &["--detach", &device]).map(drop))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.is_mounted
            && let Ok(path) = text(&self.path)
            && run("umount", &[path]).is_err()
        {
            // Lazily rather than never: a failing test may still hold it.
            let _ = run("umount", &["--lazy", path]);
        }
        let _ = self.detach();
    }
}

pub(super) fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))
}
