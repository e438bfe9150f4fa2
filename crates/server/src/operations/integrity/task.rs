//! One version to look at, in parts that several threads can take: its folder with manifest and small files, and each
//! large file.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use patchwharf_db::packages::FileToCheck;
use patchwharf_model::{
    JobId, PackageId, Sha256, Timestamp,
    package::{Manifest, ProofStamp, VersionState},
};
use patchwharf_store::{
    Access, Closeness, DiskError, FileLook, Finding, FolderAccess, Hashed, KnownKeys, Location, ManifestError, Meter,
    OpenVersion, ToVerify,
};

use crate::operations::places;

/// Files of at least so many bytes are looked at apart, by whichever thread is free.
const LARGE_BYTES: u64 = 4 << 20;

/// How a check looks at things.
#[derive(Debug)]
pub(crate) struct Way {
    /// By stamps only.
    pub(crate) light: bool,
    /// From the disk, not from what the kernel remembers.
    pub(crate) past_cache: bool,
    /// The job, and when it began: what it has proved since is believed.
    pub(crate) job: JobId,
    /// See `job`.
    pub(crate) began_at: Timestamp,
    /// Whose manifests are believed.
    pub(crate) keys: KnownKeys,
}

impl Way {
    /// The stamp of a proof that counts as made by this check, as it was read at a time: nothing is hashed twice.
    fn believed<'a>(&self, file: &'a FileToCheck, read_at: Timestamp) -> Option<&'a ProofStamp> {
        let (stamp, at, job) = file.proof.as_ref()?;
        let ours = *job == Some(self.job);
        // What others have proved meanwhile was not read past the cache. A proof of the future proves nothing.
        let since = !self.past_cache && *at > self.began_at && *at <= read_at;
        (ours || since).then_some(stamp)
    }
}

/// A version to look at.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) package: PackageId,
    pub(crate) version: u64,
    /// The fencing token that its rows were read with.
    pub(crate) token: i64,
    /// The state on record.
    pub(crate) state: VersionState,
    pub(crate) location: Arc<Location>,
    /// Its rows, and what each file must be; none: its name or digest says nothing that could be looked for.
    pub(crate) files: Vec<(FileToCheck, Option<ToVerify>)>,
    /// What this check has found wrong before it was interrupted, by file.
    pub(crate) wrong: HashMap<usize, (ProofStamp, Sha256)>,
    /// The stamp of its manifest when its signature was verified.
    pub(crate) manifest_stamp: Option<ProofStamp>,
    /// When its rows were read.
    read_at: Timestamp,
    seen: Mutex<Seen>,
    left: AtomicUsize,
}

/// A part of a task.
#[derive(Debug)]
pub(crate) enum Part {
    /// Folder, manifest, and all files that are not large.
    Frame(Arc<Task>),
    /// One large file.
    File(Arc<Task>, usize),
}

/// What is known of a version before it is looked at.
#[derive(Debug)]
pub(crate) struct Known {
    /// The package and its version.
    pub(crate) key: (PackageId, u64),
    /// The package's fencing token.
    pub(crate) token: i64,
    /// The state on record.
    pub(crate) state: VersionState,
    /// Its rows.
    pub(crate) rows: Vec<FileToCheck>,
    /// The stamp of its manifest when its signature was verified.
    pub(crate) manifest_stamp: Option<ProofStamp>,
    /// When this was read.
    pub(crate) read_at: Timestamp,
}

/// What was seen of a version.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Its folder; none: a part was broken off.
    pub(crate) frame: Option<Result<Frame, Unopened>>,
    /// Its files, one for one; none: not looked at.
    pub(crate) files: Vec<Option<FileLook>>,
}

impl Seen {
    /// Whether something of it could not be looked at for want of descriptors or memory: that says nothing about the rest.
    pub(super) fn is_short(&self) -> bool {
        let of_frame = match &self.frame {
            None => false,
            Some(Err(unopened)) => unopened.finding.is_shortage(),
            Some(Ok(frame)) => {
                let manifest = frame.manifest.as_ref().and_then(|told| told.as_ref().err());
                matches!(manifest, Some(ManifestError::Disk(error)) if error.is_shortage())
                    || frame.extra.as_ref().is_err_and(DiskError::is_shortage)
            }
        };
        of_frame || self.files.iter().flatten().any(|look| look.finding.is_shortage())
    }
}

/// A version's folder that could not be opened.
#[derive(Debug)]
pub(crate) struct Unopened {
    /// What lies there instead.
    pub(crate) finding: Finding,
    /// The folder whose owner or mode keeps us out.
    pub(crate) closed: Option<FolderAccess>,
}

/// What was seen of a version's folder.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Folders that others can change, or that the server cannot enter.
    pub(crate) access: Vec<FolderAccess>,
    /// Its manifest; none: light, and its stamp is the one on record.
    pub(crate) manifest: Option<Result<Manifest, ManifestError>>,
    /// The manifest's stamp and access.
    pub(crate) manifest_file: Option<(ProofStamp, Access)>,
    /// Names that nobody expects.
    pub(crate) extra: Result<Vec<String>, DiskError>,
}

impl Task {
    /// A task over what is known of a version; `wrong` knows what the same check has found before it was interrupted.
    pub(crate) fn new(
        location: &Arc<Location>,
        known: Known,
        wrong: impl Fn(&FileToCheck) -> Option<(ProofStamp, Sha256)>,
    ) -> Arc<Self> {
        let wrong = known.rows.iter().enumerate().filter_map(|(at, row)| Some((at, wrong(row)?))).collect();
        let files: Vec<_> =
            known.rows.into_iter().map(|row| (places::file_wanted(&row), row)).map(|(f, row)| (row, f)).collect();
        let seen = Seen { frame: None, files: files.iter().map(|_| None).collect() };
        Arc::new(Self {
            package: known.key.0,
            version: known.key.1,
            token: known.token,
            state: known.state,
            location: Arc::clone(location),
            files,
            wrong,
            manifest_stamp: known.manifest_stamp,
            read_at: known.read_at,
            seen: Mutex::new(seen),
            left: AtomicUsize::new(0),
        })
    }

    /// Its parts.
    pub(crate) fn parts(self: &Arc<Self>, light: bool) -> Vec<Part> {
        let large = |at: &usize| !light && self.is_large(*at);
        let mut parts: Vec<Part> =
            (0..self.files.len()).filter(large).map(|at| Part::File(Arc::clone(self), at)).collect();
        parts.push(Part::Frame(Arc::clone(self)));
        self.left.store(parts.len(), Ordering::Release);
        parts
    }

    fn is_large(&self, at: usize) -> bool {
        self.files[at].0.size_bytes >= LARGE_BYTES
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen of it, once all parts are done.
    pub(crate) fn take_seen(&self) -> Seen {
        std::mem::take(&mut *self.seen())
    }
}

impl Part {
    /// Bytes that it reads, about.
    pub(crate) fn size_bytes(&self) -> u64 {
        match self {
            Self::Frame(_) => 0,
            Self::File(task, at) => task.files[*at].0.size_bytes,
        }
    }

    /// Where it lies on the disk, about: file systems give inodes in the order of the disk.
    pub(crate) fn place(&self) -> u64 {
        let (Self::Frame(task) | Self::File(task, _)) = self;
        task.files.first().and_then(|(row, _)| row.proof).map_or(0, |(stamp, ..)| stamp.inode)
    }

    /// Looks at it. The task, when this was its last part.
    pub(crate) fn look(self, way: &Way, hashed: &Hashed, meter: &dyn Meter) -> Option<Arc<Task>> {
        let (Self::Frame(task) | Self::File(task, _)) = &self;
        match (&self, task.location.open_version(task.package, task.version)) {
            (Self::Frame(_), Err(finding)) => task.seen().frame = Some(Err(task.unopened(finding))),
            (Self::File(..), Err(_)) => {}
            (Self::File(_, at), Ok(open)) => {
                let look = task.look_at(&open, *at, way, hashed, meter);
                task.seen().files[*at] = look;
            }
            (Self::Frame(_), Ok(open)) => {
                for at in (0..task.files.len()).filter(|at| way.light || !task.is_large(*at)) {
                    let look = task.look_at(&open, at, way, hashed, meter);
                    task.seen().files[at] = look;
                }
                task.seen().frame = Some(Ok(task.frame(&open, way)));
            }
        }
        let last = task.left.fetch_sub(1, Ordering::AcqRel) == 1;
        let (Self::Frame(task) | Self::File(task, _)) = self;
        last.then_some(task)
    }
}

impl Task {
    fn unopened(&self, finding: Finding) -> Unopened {
        let is_denied =
            matches!(&finding, Finding::Unreadable(error) if error.source.kind() == io::ErrorKind::PermissionDenied);
        let closed = is_denied.then(|| self.location.closed_folder(self.package, self.version)).flatten();
        Unopened { finding, closed }
    }

    /// Bytes of files that did not have to be read.
    pub(crate) fn believed_bytes(&self) -> u64 {
        let seen = self.seen();
        let looks = self.files.iter().zip(&seen.files);
        let unread = looks.filter(|(_, look)| look.as_ref().is_some_and(|look| look.read_bytes == 0));
        unread.map(|((row, _), _)| row.size_bytes).sum()
    }

    fn look_at(
        &self,
        open: &OpenVersion<'_>,
        at: usize,
        way: &Way,
        hashed: &Hashed,
        meter: &dyn Meter,
    ) -> Option<FileLook> {
        let (row, file) = &self.files[at];
        let proof = row.proof.as_ref().map(|(stamp, ..)| stamp);
        let closeness = match way.light {
            true => Closeness::Stamp(proof),
            false => Closeness::Bytes {
                believed: way.believed(row, self.read_at),
                wrong: self.wrong.get(&at).map(|(stamp, found)| (stamp, *found)),
                past_cache: way.past_cache,
                hashed: Some(hashed),
                meter,
            },
        };
        open.file(file.as_ref()?, &closeness)
    }

    fn frame(&self, open: &OpenVersion<'_>, way: &Way) -> Frame {
        let expected: Vec<ToVerify> = self.files.iter().filter_map(|(_, file)| file.clone()).collect();
        let manifest_file = open.manifest_stamp();
        // A light check believes a manifest whose stamp is that of the day when its signature was verified.
        let believed =
            way.light && manifest_file.is_some() && manifest_file.map(|(stamp, _)| stamp) == self.manifest_stamp;
        Frame {
            access: open.access().to_vec(),
            manifest: (!believed).then(|| open.manifest(&way.keys)),
            manifest_file,
            extra: open.extra(&expected),
        }
    }
}
