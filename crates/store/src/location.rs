//! A package location: the root folder under which package folders lie.

mod check;
mod lock;
mod marker;
mod overlap;
mod path;
mod probe;
mod space;
mod takeover;

use std::{
    fmt,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Mutex},
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{DeploymentId, LocationId, PackageId, Timestamp, update::VendorDigest};

pub use check::OpenError;
pub use marker::Marker;
pub use overlap::{Overlap, overlap};
pub use probe::{Probes, Sharing};
pub use space::Space;

use crate::{
    disk::{Counts, Disk, Native},
    error::{Attempt as _, DiskError},
    layout,
    manifest::Seals,
    stamps::Stamps,
};
pub(crate) use lock::{InFlight, Slot};

/// An open package location. Everything below it is reached from open folders, never by path.
pub struct Location {
    marker: Marker,
    path: Utf8PathBuf,
    pub(crate) root: OwnedFd,
    pub(crate) staging: OwnedFd,
    pub(crate) quarantine: OwnedFd,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) stamps: Arc<Stamps>,
    pub(crate) seals: Seals,
    read_only: bool,
    pub(crate) in_flight: Arc<Mutex<InFlight>>,
}

impl Location {
    /// Makes a new location in a folder that is empty or does not exist yet.
    ///
    /// # Errors
    /// When the folder is not empty, or not fit to be a location.
    pub fn create(path: &Utf8Path, deployment: DeploymentId, now: Timestamp) -> Result<Self, OpenError> {
        Self::create_on(Arc::new(Native::default()), path, deployment, now)
    }

    /// [`Self::create`] on another disk: tests use one that fails.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_on(
        disk: Arc<dyn Disk>,
        path: &Utf8Path,
        deployment: DeploymentId,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let root = check::new_root(&*disk, path)?;
        let marker =
            Marker { format: marker::FORMAT, location_id: LocationId::new(), deployment_id: deployment, made_at: now };
        marker::write(&*disk, &root, path, &marker)?;
        Self::open_on(disk, path, Some(marker.location_id), deployment)
    }

    /// Whether a new location could begin at this path, or a known one be opened there: the path alone is looked at, and
    /// how it lies to locations that are there.
    ///
    /// # Errors
    /// The path is relative, the root, has a name that does not work everywhere, or lies in, at or around another.
    pub fn fits(path: &Utf8Path, others: &[&Utf8Path]) -> Result<(), OpenError> {
        path::fit(path)?;
        for other in others {
            // A location that is away overlaps nothing that could be hit.
            if let Ok(Some(how)) = overlap(path, other) {
                return Err(OpenError::Overlaps { path: path.to_owned(), how, other: (*other).to_owned() });
            }
        }
        Ok(())
    }

    /// Whether the location with this id lies at a path; none: what is there does not say. Nothing is opened for use.
    #[must_use]
    pub fn is_at(path: &Utf8Path, id: LocationId) -> Option<bool> {
        match check::existing_root(path).and_then(|root| marker::read(&root, path)) {
            Ok(marker) => Some(marker.location_id == id),
            // Unfit as it is, but there.
            Err(OpenError::Owner { .. } | OpenError::Writable { .. }) => Some(true),
            Err(OpenError::NoMarker { .. } | OpenError::NotAFolder { .. } | OpenError::Link { .. }) => Some(false),
            Err(OpenError::Disk(error)) if error.is_missing() => Some(false),
            Err(_) => None,
        }
    }

    /// [`Self::create`] under an id that is known already: a restore.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_as(
        path: &Utf8Path,
        location_id: LocationId,
        deployment: DeploymentId,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let disk = Arc::new(Native::default());
        let root = check::new_root(&*disk, path)?;
        let marker = Marker { format: marker::FORMAT, location_id, deployment_id: deployment, made_at: now };
        marker::write(&*disk, &root, path, &marker)?;
        Self::open_on(disk, path, Some(location_id), deployment)
    }

    /// Opens a location that exists. `id` is the one that the database knows; none takes any of this deployment.
    ///
    /// # Errors
    /// When the marker is missing (an empty mount point is never taken for "all packages gone"), names another
    /// location or deployment, or the folder is not fit: a link, writable by others, read-only.
    pub fn open(path: &Utf8Path, id: Option<LocationId>, deployment: DeploymentId) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(Native::default()), path, id, deployment)
    }

    /// [`Self::open`] on another disk: tests use one that fails.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        path: &Utf8Path,
        id: Option<LocationId>,
        deployment: DeploymentId,
    ) -> Result<Self, OpenError> {
        let location = Self::folders(disk, path, id, deployment)?;
        check::rename_works(&*location.disk, &location.root, &location.staging, path)?;
        location.clear_probes()?;
        Ok(location)
    }

    /// Opens a location whose file system is read-only: what lies there can be served and moved away, not changed.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_read_only(
        path: &Utf8Path,
        id: Option<LocationId>,
        deployment: DeploymentId,
    ) -> Result<Self, OpenError> {
        Ok(Self { read_only: true, ..Self::folders(Arc::new(Native::default()), path, id, deployment)? })
    }

    /// Opens a folder of packages whose marker says this, or would if it had one, to read what lies there. Nothing is made
    /// in it, not even the folders of our own that it lacks.
    ///
    /// # Errors
    /// The folder is not fit to be a location, or cannot be opened.
    pub fn open_to_look(path: &Utf8Path, id: LocationId, made_by: DeploymentId) -> Result<Self, OpenError> {
        let root = check::existing_root(path)?;
        // Nobody reaches them in what is only looked at.
        let none = || root.try_clone().attempt("open", || path.to_owned());
        Ok(Self {
            marker: Marker {
                format: marker::FORMAT,
                location_id: id,
                deployment_id: made_by,
                made_at: Timestamp::UNIX_EPOCH,
            },
            path: path.to_owned(),
            staging: none()?,
            quarantine: none()?,
            root,
            disk: Arc::new(Native::default()),
            stamps: Arc::default(),
            seals: Seals::default(),
            read_only: true,
            in_flight: Arc::default(),
        })
    }

    fn folders(
        disk: Arc<dyn Disk>,
        path: &Utf8Path,
        id: Option<LocationId>,
        deployment: DeploymentId,
    ) -> Result<Self, OpenError> {
        let root = check::existing_root(path)?;
        let marker = marker::read(&root, path)?;
        marker.belongs(path, id, deployment)?;
        let staging = check::own_folder(&*disk, &root, path, layout::STAGING)?;
        let quarantine = check::own_folder(&*disk, &root, path, layout::QUARANTINE)?;
        Ok(Self {
            marker,
            path: path.to_owned(),
            root,
            staging,
            quarantine,
            disk,
            stamps: Arc::default(),
            seals: Seals::default(),
            read_only: false,
            in_flight: Arc::default(),
        })
    }

    /// The same, with what is remembered of inodes shared with other locations: a hard link may reach over two of them.
    #[must_use]
    pub fn sharing(self, stamps: Arc<Stamps>) -> Self {
        Self { stamps, ..self }
    }

    /// Looks at the marker again: before anything is deleted, and before anything is called missing.
    ///
    /// # Errors
    /// When it cannot be read, or names another location or deployment.
    pub fn still_ours(&self) -> Result<(), OpenError> {
        marker::read(&self.root, &self.path)?.belongs(&self.path, Some(self.id()), self.marker.deployment_id)
    }

    /// Whether its path still leads to the folder that was opened. Not so: its disk was unmounted, or somebody put another
    /// folder in its place.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let opened = rustix::fs::fstat(&self.root);
        let found = rustix::fs::stat(self.path.as_std_path());
        matches!((opened, found), (Ok(a), Ok(b)) if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
    }

    /// Whether it was opened for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether its file system is mounted read-only now. One that cannot be asked is not called so.
    #[must_use]
    pub fn is_on_read_only_file_system(&self) -> bool {
        rustix::fs::fstatvfs(&self.root).is_ok_and(|space| space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
    }

    /// Whether a version's folder is there, whatever is in it.
    #[must_use]
    pub fn has_version(&self, package: PackageId, version: u64) -> bool {
        self.version_folder(package, version).is_ok()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> LocationId {
        self.marker.location_id
    }

    /// What its marker says.
    #[must_use]
    pub fn marker(&self) -> &Marker {
        &self.marker
    }

    /// Where it is, for texts.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Room that is left.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn space(&self) -> Result<Space, DiskError> {
        space::of(self.root.as_fd()).attempt("ask for the free space of", || self.path.clone())
    }

    /// Bytes that downloads of these contents hold already in `.staging`, whole or in part; of each at most its length.
    #[must_use]
    pub fn on_its_way_bytes<'a>(&self, contents: impl Iterator<Item = (&'a VendorDigest, u64)>) -> u64 {
        space::on_its_way(self.staging.as_fd(), contents)
    }

    /// How often the disk was asked to change: tests assert fsyncs per package with it.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.disk.counts()
    }

    /// Stamps that our own links and unlinks changed.
    #[must_use]
    pub fn stamps(&self) -> &Stamps {
        &self.stamps
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location").field("id", &self.id()).field("path", &self.path).finish_non_exhaustive()
    }
}
