//! Walking the folder and hashing what could be wanted, on all cores. Two things wait in queues of a fixed length, so that
//! memory does not grow with the folder.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use patchwharf_model::{job::Unit, package::ProofStamp};
use patchwharf_store::{ForeignFolder, Hashing, Met, NotEntered, foreign, layout, place::Watch};
use patchwharf_trust::{FileDigests, PublicKey};
use tokio::sync::mpsc;

use super::{
    Wish,
    claims::{Claim, Trusted},
    found::Found,
    report::Summary,
    wanted::{Standing, Wanted},
};
use crate::{
    jobs::{JobContext, Stop, StopReason},
    operations::{
        OperationError,
        assembly::{ContentKey, Find, told::line},
        cores,
    },
    words::bytes,
};

/// How much the threads stand back for those that answer requests (G-07).
const NICE: i32 = 10;
/// Files, and results, that wait.
const WAITING: usize = 1_024;

/// What was found of one thing.
enum Told {
    /// A content that updates need.
    Match { find: Find, keys: Vec<(ContentKey, Standing)>, known: bool },
    /// A manifest of some server, by the key that signed it; or the marker of a location.
    Ours(Option<PublicKey>),
    /// A file that no known update needs.
    Foreign { below: PathBuf, size_bytes: u64, digests: Option<FileDigests>, note: String },
    /// A file that is not taken, and why.
    Refused { below: PathBuf, reason: String },
    /// Something that could not be looked at.
    Problem { below: PathBuf, outcome: &'static str, reason: String },
    /// Something that is left out on purpose.
    Left { below: PathBuf, outcome: &'static str, reason: &'static str },
    /// A symbolic link.
    Link,
    /// It went away meanwhile.
    Gone,
    /// The folder itself cannot be listed.
    Unlisted(std::io::Error),
}

/// What each thread has.
struct Eyes {
    folder: Arc<ForeignFolder>,
    wanted: Arc<Wanted>,
    trusted: Trusted,
    known: Arc<HashMap<PathBuf, Find>>,
    foreign_digests: bool,
    stop: Stop,
    progress: crate::jobs::ProgressHandle,
}

/// What there is of known contents, and what the report says of the rest. The inner error: the job is to stop.
pub(super) async fn run(
    ctx: &JobContext,
    wish: &Wish,
    folder: &Arc<ForeignFolder>,
    wanted: &Arc<Wanted>,
    trusted: &Trusted,
    found: &mut Found,
) -> Result<Result<(Summary, HashMap<ContentKey, Find>), StopReason>, OperationError> {
    ctx.progress.phase(format!("looking at the files of {}", folder.path()));
    ctx.progress.start(Unit::Bytes, 0);
    ctx.progress.items_total(0);
    let (to, mut from) = mpsc::channel(WAITING);
    let eyes = Eyes {
        folder: Arc::clone(folder),
        wanted: Arc::clone(wanted),
        trusted: trusted.clone(),
        known: found.known(),
        foreign_digests: !wish.no_foreign_digests,
        stop: ctx.stop.clone(),
        progress: ctx.progress.clone(),
    };
    let looking = tokio::spawn(cores::blocking(move || look(&eyes, &to)));
    let (mut summary, mut finds, mut unlisted) = (Summary::default(), HashMap::new(), None);
    while let Some(told) = from.recv().await {
        match told {
            Told::Match { find, keys, known } => {
                summary.files += 1;
                let live: Vec<ContentKey> =
                    keys.iter().filter(|(_, standing)| *standing == Standing::Live).map(|(key, _)| *key).collect();
                if live.is_empty() {
                    let reason = "only updates that the vendor has withdrawn need it";
                    line(ctx, foreign::shown(&find.below), "left-out", false, reason.to_owned());
                    continue;
                }
                summary.matching += 1;
                if !known {
                    found.note(&find);
                }
                for key in live {
                    finds.entry(key).or_insert_with(|| find.clone());
                }
            }
            Told::Unlisted(error) => unlisted = Some(error),
            other => summary.take(ctx, other.into()),
        }
    }
    looking
        .await
        .map_err(|e| OperationError::new("interrupted", "the search was interrupted").because(e).transient())??;
    if let Some(error) = unlisted {
        let text = format!("cannot list {}; nothing was adopted", folder.path());
        return Err(OperationError::new("folder-unfit", text).because(error));
    }
    Ok(match ctx.stop.reason() {
        Some(reason) => Err(reason),
        None => Ok((summary, finds)),
    })
}

/// Something for the report, in its words.
pub(super) enum Remark {
    /// A line.
    Line { item: String, outcome: &'static str, failed: bool, reason: String },
    /// Counted only.
    Link,
    /// A manifest, by its key.
    Manifest(Option<PublicKey>),
    /// Nothing.
    None,
}

impl From<Told> for Remark {
    fn from(told: Told) -> Self {
        let of =
            |below: &Path, outcome, failed, reason| Self::Line { item: foreign::shown(below), outcome, failed, reason };
        match told {
            Told::Foreign { below, size_bytes, digests, note } => {
                let digest = digests.map(|digests| format!(", SHA-256 {}", digests.sha256)).unwrap_or_default();
                of(&below, "foreign", false, format!("{}{digest}{note}", bytes(size_bytes)))
            }
            Told::Refused { below, reason } => of(&below, "refused", true, reason),
            Told::Problem { below, outcome, reason } => of(&below, outcome, true, reason),
            Told::Left { below, outcome, reason } => of(&below, outcome, false, reason.to_owned()),
            Told::Link => Self::Link,
            Told::Ours(key) => Self::Manifest(key),
            Told::Match { .. } | Told::Gone | Told::Unlisted(_) => Self::None,
        }
    }
}

/// Walks and hashes until the end, or until the job is to stop. Blocks.
fn look(eyes: &Eyes, to: &mpsc::Sender<Told>) {
    let (give, take) = sync_channel::<(PathBuf, ProofStamp)>(WAITING);
    let take = Mutex::new(take);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| hash(eyes, &take, to));
        }
        walk(eyes, give, to);
    });
}

fn walk(eyes: &Eyes, give: SyncSender<(PathBuf, ProofStamp)>, to: &mpsc::Sender<Told>) {
    let walked = eyes.folder.walk(&mut |met| {
        let going = match met {
            Met::File { below, stamp } => give.send((below, stamp)).is_ok(),
            Met::NotEntered { below, why } => to.blocking_send(not_entered(below, why)).is_ok(),
        };
        going && eyes.stop.reason().is_none()
    });
    if let Err(error) = walked {
        let _ = to.blocking_send(Told::Unlisted(error));
    }
}

fn not_entered(below: PathBuf, why: NotEntered) -> Told {
    match why {
        NotEntered::Link => Told::Link,
        NotEntered::NotAFile => {
            Told::Left { below, outcome: "no-file", reason: "a pipe, socket or device is not read" }
        }
        NotEntered::Mount => Told::Left {
            below,
            outcome: "not-entered",
            reason: "another file system begins there; adopt it by its own path",
        },
        NotEntered::TooDeep => {
            let reason = "it lies in more folders than are entered; adopt it by its own path".to_owned();
            Told::Problem { below, outcome: "not-entered", reason }
        }
        NotEntered::Unreadable(error) => unreadable(below, &error),
    }
}

fn unreadable(below: PathBuf, error: &std::io::Error) -> Told {
    let reason = format!("cannot be read: {error}; give the server's user the right to, or adopt the rest without it");
    Told::Problem { below, outcome: "unreadable", reason }
}

fn hash(eyes: &Eyes, take: &Mutex<Receiver<(PathBuf, ProofStamp)>>, to: &mpsc::Sender<Told>) {
    // Only this thread: to the kernel each is a process of its own. Where it is refused, all are equal.
    let _ = rustix::process::setpriority_process(None, NICE);
    loop {
        let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((below, stamp)) = next else { return };
        // The queue is emptied, so that nobody waits for room in it.
        if eyes.stop.reason().is_some() {
            continue;
        }
        let told = eyes.look_at(below, stamp);
        eyes.progress.items_done(1);
        let _ = to.blocking_send(told);
    }
}

impl Eyes {
    fn look_at(&self, below: PathBuf, stamp: ProofStamp) -> Told {
        if let Some(told) = self.ours(&below) {
            return told;
        }
        let sha1 = self.wanted.by_size(stamp.size_bytes);
        if sha1.is_none() && !self.foreign_digests {
            return Told::Foreign { below, size_bytes: stamp.size_bytes, digests: None, note: String::new() };
        }
        if let Some(find) = self.known.get(&below).filter(|find| find.stamp == stamp) {
            let keys: Vec<_> = self.wanted.matching(&find.digests).collect();
            if !keys.is_empty() {
                return Told::Match { find: find.clone(), keys, known: true };
            }
        }
        let watch = Watch { stopped: &|| self.stop.reason().is_some(), bytes: &|more| self.progress.bytes(more) };
        match self.folder.hash(&below, sha1 == Some(true), watch) {
            Hashing::Done { digests, stamp } => self.judge(below, stamp, digests),
            Hashing::Unsteady => {
                let reason = "it changes while it is read; adopt the folder again when it is at rest".to_owned();
                Told::Problem { below, outcome: "unsteady", reason }
            }
            Hashing::Gone | Hashing::Stopped => Told::Gone,
            Hashing::Unreadable(error) => unreadable(below, &error),
        }
    }

    /// Whether it is a manifest or marker that servers like ours write, and no file of a package.
    fn ours(&self, below: &Path) -> Option<Told> {
        match below.file_name()?.to_str()? {
            layout::MANIFEST => {
                let signed = self.folder.manifest(below.parent()?)?;
                Some(Told::Ours(signed.signer()))
            }
            layout::MARKER if below.parent() == Some(Path::new("")) => Some(Told::Ours(None)),
            _ => None,
        }
    }

    fn judge(&self, below: PathBuf, stamp: ProofStamp, digests: FileDigests) -> Told {
        let keys: Vec<_> = self.wanted.matching(&digests).collect();
        let claim = self.trusted.claim(&self.folder, &below, &digests);
        let weak = keys.iter().any(|(key, _)| matches!(key.digest, patchwharf_model::update::VendorDigest::Sha1(_)));
        match (keys.is_empty(), claim) {
            (true, Claim::Disagrees(why)) => {
                let note = format!("; damaged: {why}");
                Told::Foreign { below, size_bytes: digests.size_bytes, digests: Some(digests), note }
            }
            (true, _) => {
                Told::Foreign { below, size_bytes: digests.size_bytes, digests: Some(digests), note: String::new() }
            }
            // Where the feed names SHA-1 only, a signature that names SHA-256 has the last word.
            (false, Claim::Disagrees(why)) if weak => Told::Refused {
                below,
                reason: format!("its length and SHA-1 are right, its SHA-256 is {}, but {why}", digests.sha256),
            },
            (false, _) => Told::Match { find: Find { below, stamp, digests }, keys, known: false },
        }
    }
}

impl Summary {
    fn take(&mut self, ctx: &JobContext, remark: Remark) {
        match remark {
            Remark::Line { item, outcome, failed, reason } => {
                self.files += u64::from(matches!(outcome, "foreign" | "refused" | "unsteady" | "unreadable"));
                if outcome == "foreign" {
                    self.foreign += 1;
                    if self.foreign > super::report::LISTED {
                        return;
                    }
                }
                line(ctx, item, outcome, failed, reason);
            }
            Remark::Link => self.links += 1,
            Remark::Manifest(key) => {
                let keys: &mut BTreeMap<String, u64> = &mut self.manifests;
                if let Some(key) = key.filter(|key| keys.len() < 16 || keys.contains_key(&key.to_string())) {
                    *keys.entry(key.to_string()).or_default() += 1;
                }
            }
            Remark::None => {}
        }
    }
}
