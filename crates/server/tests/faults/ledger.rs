//! What the server has acknowledged: the promise that every crash is held against.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use patchwharf_model::{BulletinId, FeedId, JobId, PackageId, UpdateId, job::JobState};
use patchwharf_testkit::disk::Gauge;

/// How far the logs of recorded disks had come; of no disk, nothing.
pub(crate) type Moment = Vec<u64>;

/// A file of acknowledgements, in the checker's format, and what the suite itself has damaged.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    inner: Mutex<Inner>,
    /// Held from the asking to the answer of a switch: of two at once nobody could say which was the last.
    pub(crate) switching: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Inner {
    file: std::fs::File,
    gauges: Vec<Gauge>,
    /// When each line was written.
    lines: Vec<Moment>,
    /// Packages of each update that were acknowledged.
    packages: BTreeMap<UpdateId, BTreeSet<PackageId>>,
    /// Packages that somebody asked to delete: whether they are there can be said only when the answer came.
    doomed: BTreeSet<PackageId>,
    /// Files that the suite damaged, as the checker names them.
    damaged: BTreeMap<String, Moment>,
    damaged_inodes: BTreeMap<(u64, u64), Moment>,
}

impl Inner {
    fn now(&self) -> Moment {
        self.gauges.iter().map(Gauge::now).collect()
    }

    fn line(&mut self, text: &str) {
        // An answer came before its line, a request goes out after it: what is below was possible, what is above was not.
        self.lines.push(self.now());
        writeln!(self.file, "{text}").unwrap();
    }
}

impl Ledger {
    pub(crate) fn new(path: &Path) -> Self {
        let file = std::fs::File::create(path).unwrap();
        let inner = Inner {
            file,
            gauges: Vec::new(),
            lines: Vec::new(),
            packages: BTreeMap::new(),
            doomed: BTreeSet::new(),
            damaged: BTreeMap::new(),
            damaged_inodes: BTreeMap::new(),
        };
        Self { path: path.to_owned(), inner: Mutex::new(inner), switching: tokio::sync::Mutex::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn lines(&self) -> usize {
        self.inner.lock().unwrap().lines.len()
    }

    /// From now on everything is written down together with the moment.
    pub(crate) fn follow(&self, gauges: Vec<Gauge>) {
        self.inner.lock().unwrap().gauges = gauges;
    }

    /// What binds, and what is damaged, on disks as they were at this moment; in a file of its own.
    pub(crate) fn as_of(&self, moment: &Moment, path: &Path) -> Self {
        let inner = self.inner.lock().unwrap();
        let was = |then: &Moment| then.iter().zip(moment).all(|(then, now)| then <= now);
        let past = Self::new(path);
        let text = std::fs::read_to_string(&self.path).unwrap();
        let lines = text.lines().zip(&inner.lines).filter(|(_, then)| was(then));
        lines.for_each(|(line, _)| past.write(line));
        let mut of_past = past.inner.lock().unwrap();
        of_past.damaged.extend(inner.damaged.clone().into_iter().filter(|(_, then)| was(then)));
        of_past.damaged_inodes.extend(inner.damaged_inodes.clone().into_iter().filter(|(_, then)| was(then)));
        drop(of_past);
        past
    }

    fn write(&self, text: &str) {
        self.inner.lock().unwrap().line(text);
    }

    pub(crate) fn feed(&self, id: FeedId) {
        self.write(&format!("feed {id}"));
    }

    pub(crate) fn job(&self, id: JobId) {
        self.write(&format!("job {id}"));
    }

    pub(crate) fn job_ended(&self, id: JobId, state: JobState) {
        self.write(&format!("job {id} {state}"));
    }

    pub(crate) fn asked_to_switch(&self, id: BulletinId) {
        self.write(&format!("open bulletin {id}"));
    }

    pub(crate) fn switched(&self, id: BulletinId, enabled: bool) {
        self.write(&format!("{} {id}", if enabled { "enabled" } else { "disabled" }));
    }

    /// A version was said to be staged. That binds unless the suite has damaged it: by a name it knew, or by an inode
    /// that was linked into this version while it was being damaged.
    pub(crate) fn staged(&self, update: UpdateId, id: PackageId, version: u64, places: &[PathBuf; 2]) {
        let folder = |root: &PathBuf| root.join(id.to_string()).join(version.to_string());
        let inodes: Vec<_> = places.iter().flat_map(|root| inodes_in(&folder(root))).collect();
        let mut inner = self.inner.lock().unwrap();
        inner.packages.entry(update).or_default().insert(id);
        let prefix = format!("package {id} version {version} ");
        let damaged = inner.damaged.keys().any(|object| object.starts_with(&prefix))
            || inodes.iter().any(|inode| inner.damaged_inodes.contains_key(inode));
        if !inner.doomed.contains(&id) && !damaged {
            inner.line(&format!("staged {id} {version}"));
        }
    }

    /// The update's package is to be deleted. What it took the place of cannot be had afterwards either.
    pub(crate) fn asked_to_delete(&self, update: UpdateId, id: PackageId) {
        let mut inner = self.inner.lock().unwrap();
        let mut packages = inner.packages.remove(&update).unwrap_or_default();
        packages.insert(id);
        for id in packages {
            inner.doomed.insert(id);
            inner.line(&format!("open package {id}"));
        }
    }

    pub(crate) fn deleted(&self, id: PackageId) {
        self.write(&format!("deleted {id}"));
    }

    /// A file was damaged by the suite itself; what was acknowledged of its update no longer binds.
    pub(crate) fn damage(&self, update: Option<UpdateId>, package: &str, version: &str, file: &str) {
        let mut inner = self.inner.lock().unwrap();
        inner.line(&format!("open package {package}"));
        for id in update.and_then(|update| inner.packages.remove(&update)).unwrap_or_default() {
            inner.line(&format!("open package {id}"));
        }
        let now = inner.now();
        inner.damaged.entry(format!("package {package} version {version} file {file}")).or_insert(now);
    }

    /// Prints what was acknowledged of an object.
    pub(crate) fn show(&self, id: &str) {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let lines: Vec<_> = text.lines().enumerate().filter(|(_, line)| line.contains(id)).collect();
        eprintln!("acknowledged of {id}: {lines:?}");
    }

    /// The bytes of this inode were changed by the suite, whatever names it gets later.
    pub(crate) fn damage_inode(&self, dev: u64, inode: u64) {
        let mut inner = self.inner.lock().unwrap();
        let now = inner.now();
        inner.damaged_inodes.entry((dev, inode)).or_insert(now);
    }

    /// Whether `package P version V file F` is the suite's own doing.
    pub(crate) fn is_damaged(&self, object: &str, places: &[PathBuf; 2]) -> bool {
        let inner = self.inner.lock().unwrap();
        let words: Vec<&str> = object.splitn(6, ' ').collect();
        let inodes: Vec<(u64, u64)> = match words[..] {
            ["package", package, "version", version, "file", file] => places
                .iter()
                .filter_map(|root| root.join(package).join(version).join(file).metadata().ok())
                .map(|meta| (meta.dev(), meta.ino()))
                .collect(),
            _ => Vec::new(),
        };
        inner.damaged.contains_key(object) || inodes.iter().any(|inode| inner.damaged_inodes.contains_key(inode))
    }

    pub(crate) fn forget_damage(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.damaged.clear();
        inner.damaged_inodes.clear();
    }
}

/// The inodes of the files in a folder; none when it is not there.
fn inodes_in(folder: &Path) -> Vec<(u64, u64)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|meta| (meta.dev(), meta.ino())).collect()
}
