//! From what was seen of a version to what it means: results for its rows, and findings.

mod frame;

use std::collections::HashMap;

use patchwharf_db::{
    findings::OpenFinding,
    packages::{Confirmed, FileResult, FileToCheck, Held, Verified},
};
use patchwharf_model::{
    LocationId, PackageId, Sha256,
    finding::FindingKind,
    package::{ProofStamp, VersionState},
};
use patchwharf_store::{FileLook, Finding, layout};

use super::task::{Frame, Seen, Task, Unopened};
use crate::operations::assembly::{self, told::with_causes};

pub(crate) use frame::of_access;

/// What was seen of a version, and what it means.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// The version as it was known.
    pub(crate) held: Option<Held>,
    /// Results to be written; none: everything is as it is on record.
    pub(crate) verified: Option<Verified>,
    /// Proofs to be renewed.
    pub(crate) confirmed: Vec<Confirmed>,
    /// The stamp of a manifest whose signature was verified, where it is not on record.
    pub(crate) manifest_stamp: Option<ProofStamp>,
    /// The manifest cannot be believed, or tells otherwise than the database: no stamp of it may be on record.
    pub(crate) manifest_doubted: bool,
    /// What is not as it should be.
    pub(crate) drafts: Vec<Draft>,
    /// Whether its folder could be opened: what lies in it was seen.
    pub(crate) is_open: bool,
    /// Files looked at.
    pub(crate) files: u64,
    /// Bytes read.
    pub(crate) read_bytes: u64,
}

/// A finding in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// What it is.
    pub(crate) kind: FindingKind,
    /// Where, relative to its location.
    pub(crate) path: String,
    /// The package and its version.
    pub(crate) version: Option<(PackageId, u64)>,
    /// The location.
    pub(crate) location: Option<LocationId>,
    /// What must be there.
    pub(crate) expected: String,
    /// What is.
    pub(crate) found: String,
    /// The bad file's stamp.
    pub(crate) stamp: Option<ProofStamp>,
}

impl Draft {
    /// Kind and place: the same in every check.
    pub(crate) fn key(&self) -> String {
        let location = self.location.map(|id| id.to_string()).unwrap_or_default();
        format!("{} {location} {}", self.kind, self.path)
    }
}

/// What was open before the check began, by key.
pub(crate) type Before = HashMap<String, OpenFinding>;

/// Judges a version. None: a part of it was broken off, or vanished between two looks, or could not be looked at for want of
/// descriptors or memory.
pub(crate) fn judge(task: &Task, seen: Seen, light: bool, before: &Before) -> Option<Judged> {
    let judge = Judge { task, light, before };
    let held = Held { package_id: task.package, version: task.version, token: task.token };
    let mut judged = Judged { held: Some(held), files: task.files.len() as u64, ..Judged::default() };
    if seen.is_short() {
        return None;
    }
    match seen.frame? {
        Err(unopened) => judge.folder(&unopened, &mut judged),
        Ok(frame) => {
            judged.is_open = true;
            judge.version(&frame, &seen.files, &mut judged)?;
        }
    }
    judged.manifest_doubted = judged.drafts.iter().any(|draft| draft.kind.is_of_manifest());
    if judged.manifest_doubted {
        judged.manifest_stamp = None;
    }
    Some(judged)
}

struct Judge<'a> {
    task: &'a Task,
    light: bool,
    before: &'a Before,
}

/// Who may do what with a file or folder of ours.
pub(super) const OURS: &str = "ours, readable to us, and only we can change it";

/// A file's state and reason when it is bad.
type Bad = (VersionState, String);

impl Judge<'_> {
    fn path(&self, name: &str) -> String {
        let folder = layout::version_path(self.task.package, self.task.version);
        if name.is_empty() { folder.into_string() } else { folder.join(name).into_string() }
    }

    fn draft(&self, kind: FindingKind, name: &str, expected: impl Into<String>, found: impl Into<String>) -> Draft {
        Draft {
            kind,
            path: self.path(name),
            version: Some((self.task.package, self.task.version)),
            location: Some(self.task.location.id()),
            expected: expected.into(),
            found: found.into(),
            stamp: None,
        }
    }

    /// The whole folder is not there, or not a folder.
    fn folder(&self, unopened: &Unopened, judged: &mut Judged) {
        if let Some(draft) = unopened.closed.as_ref().and_then(|closed| self.folder_access(closed)) {
            let reason = format!("its folder cannot be entered: {}", draft.found);
            judged.verified = judged.held.map(|held| Verified {
                held,
                state: VersionState::Corrupt,
                files: self
                    .task
                    .files
                    .iter()
                    .map(|(row, _)| result(row, VersionState::Corrupt, reason.clone()))
                    .collect(),
                reason,
            });
            judged.drafts.push(draft);
            return;
        }
        let (kind, state, found) = match &unopened.finding {
            Finding::Missing => (FindingKind::FolderMissing, VersionState::Missing, "nothing".to_owned()),
            Finding::Link => (FindingKind::FolderIsNoFolder, VersionState::Corrupt, "a symbolic link".to_owned()),
            Finding::Unreadable(error) => (FindingKind::FolderUnreadable, VersionState::Corrupt, with_causes(error)),
            _ => {
                let found = "something that is no folder, or a mount point".to_owned();
                (FindingKind::FolderIsNoFolder, VersionState::Corrupt, found)
            }
        };
        let files = self.task.files.iter().map(|(row, _)| {
            FileResult::bad(&row.name, state, format!("file {}: instead of its folder {found}", row.name))
        });
        let reason = format!("instead of the folder {}/{} {found}", self.task.location.path(), self.path(""));
        judged.verified = judged.held.map(|held| Verified { held, state, reason, files: files.collect() });
        let expected = match self.task.files.len() {
            1 => "a folder with 1 file".to_owned(),
            n => format!("a folder with {n} files"),
        };
        judged.drafts.push(self.draft(kind, "", expected, found));
    }

    fn version(&self, frame: &Frame, looks: &[Option<FileLook>], judged: &mut Judged) -> Option<()> {
        let manifest = self.manifest(frame, judged);
        let (mut results, mut bad) = (Vec::new(), Vec::new());
        for ((row, wanted), look) in self.task.files.iter().zip(looks) {
            let Some(wanted) = wanted else {
                let reason = format!("file {} was never downloaded", row.name);
                judged.drafts.push(self.draft(FindingKind::FileMissing, &row.name, "a file", "never downloaded"));
                results.push(result(row, VersionState::Missing, reason.clone()));
                bad.push((VersionState::Missing, reason));
                continue;
            };
            let look = look.as_ref()?;
            judged.read_bytes += look.read_bytes;
            self.access(&row.name, look.access, judged);
            let told = manifest.map(|manifest| manifest.files.iter().find(|told| told.name == wanted.name));
            let verdict = match told {
                // The row says otherwise than what was signed: what was signed counts (G-05).
                Some(told) if told.is_none_or(|t| (t.sha256, t.size_bytes) != (wanted.sha256, wanted.size_bytes)) => {
                    Some(self.disagrees(row, look, told.map(|told| (told.size_bytes, told.sha256)), judged))
                }
                _ => self.file(row, wanted.size_bytes, wanted.sha256, look, judged),
            };
            match (verdict, &look.finding) {
                (Some((state, reason)), _) => {
                    results.push(result(row, state, reason.clone()));
                    bad.push((state, reason));
                }
                (None, Finding::Good { stamp }) => self.good(row, wanted.sha256, *stamp, look, judged, &mut results),
                // Light, and to be hashed: what is on record stays.
                (None, _) if row.state != VersionState::Staged => {
                    bad.push((row.state, format!("file {}: {} since an earlier check", row.name, row.state)));
                }
                (None, _) => {}
            }
        }
        bad.extend(self.unknown_files(manifest, judged));
        self.rest(frame, manifest, judged);
        let state = assembly::overall(bad.iter().map(|(state, _)| *state));
        if !results.is_empty() || (state != self.task.state && !self.light) {
            let reason = bad.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join("; ");
            judged.verified = judged.held.map(|held| Verified { held, state, reason, files: results });
        }
        Some(())
    }

    /// A file whose proof stands, or whose bytes are right.
    fn good(
        &self,
        row: &FileToCheck,
        sha256: Sha256,
        stamp: ProofStamp,
        look: &FileLook,
        judged: &mut Judged,
        results: &mut Vec<FileResult>,
    ) {
        let on_record = row.proof.as_ref().is_some_and(|(proved, ..)| *proved == stamp);
        if row.state == VersionState::Staged && on_record {
            if look.hashed {
                judged.confirmed.push(Confirmed {
                    package_id: self.task.package,
                    location_id: self.task.location.id(),
                    stamp,
                    shared: look.shared,
                });
            }
        } else if !self.light || row.state != VersionState::Staged {
            results.push(FileResult::good(&row.name, (stamp, sha256)));
        }
    }

    /// What is wrong with a file; none: nothing, or it has to be hashed first.
    fn file(
        &self,
        row: &FileToCheck,
        size_bytes: u64,
        sha256: Sha256,
        look: &FileLook,
        judged: &mut Judged,
    ) -> Option<Bad> {
        use FindingKind as Kind;
        let expected = format!("{size_bytes} bytes with SHA-256 {sha256}");
        let (kind, found) = match &look.finding {
            Finding::Good { .. } | Finding::Open { .. } => return None,
            Finding::Unproved { stamp } => {
                judged.drafts.push(self.unproved(row, *stamp, expected));
                return None;
            }
            Finding::Missing => (Kind::FileMissing, "nothing".to_owned()),
            Finding::Truncated { found, sha256: Some(digest), .. } => {
                (Kind::FileTruncated, format!("{found} bytes with SHA-256 {digest}"))
            }
            Finding::Truncated { found, .. } => (Kind::FileTruncated, format!("{found} bytes")),
            Finding::TooLong { found, .. } => (Kind::FileTooLong, format!("{found} bytes")),
            Finding::Changed { found, .. } => (Kind::FileChanged, format!("SHA-256 {found}")),
            Finding::Unsteady => (Kind::FileUnsteady, "it changed while it was read".to_owned()),
            Finding::Link => (Kind::FileIsLink, "a symbolic link".to_owned()),
            Finding::NotAFile => (Kind::FileIsNoFile, "something that is no file, or a mount point".to_owned()),
            Finding::Unreadable(error) => (Kind::FileUnreadable, with_causes(error)),
        };
        let state = if kind == Kind::FileMissing { VersionState::Missing } else { VersionState::Corrupt };
        let reason = format!("file {}: expected {expected}, found {found}", row.name);
        let draft = Draft { stamp: look.stamp, ..self.draft(kind, &row.name, expected, found) };
        judged.drafts.push(draft);
        Some((state, reason))
    }

    /// What a look at its bytes has found wrong with a file that has not been touched since.
    fn known_bad(&self, name: &str, stamp: Option<ProofStamp>) -> Option<&OpenFinding> {
        let place = |kind| self.draft(kind, name, "", "").key();
        let known =
            FindingKind::ALL.iter().filter(|kind| kind.needs_bytes()).find_map(|kind| self.before.get(&place(*kind)));
        known.filter(|known| stamp.is_some() && known.stamp == stamp)
    }

    /// Light: a file whose stamp is not that of its proof. One that was found bad and has not been touched since is that
    /// bad file still; any other is to be hashed.
    fn unproved(&self, row: &FileToCheck, stamp: ProofStamp, expected: String) -> Draft {
        if let Some(known) = self.known_bad(&row.name, Some(stamp)) {
            let draft = self.draft(known.kind, &row.name, known.expected.clone(), known.found.clone());
            return Draft { stamp: Some(stamp), ..draft };
        }
        let found = match &row.proof {
            None => "no proof is on record".to_owned(),
            Some((proved, ..)) => format!(
                "inode {}, changed at {}.{:09}, touched at {}.{:09}; at its proof inode {}, {}.{:09}, {}.{:09}",
                stamp.inode,
                stamp.mtime_ns.div_euclid(1_000_000_000),
                stamp.mtime_ns.rem_euclid(1_000_000_000),
                stamp.ctime_ns.div_euclid(1_000_000_000),
                stamp.ctime_ns.rem_euclid(1_000_000_000),
                proved.inode,
                proved.mtime_ns.div_euclid(1_000_000_000),
                proved.mtime_ns.rem_euclid(1_000_000_000),
                proved.ctime_ns.div_euclid(1_000_000_000),
                proved.ctime_ns.rem_euclid(1_000_000_000),
            ),
        };
        Draft { stamp: Some(stamp), ..self.draft(FindingKind::FileUnproved, &row.name, expected, found) }
    }

    /// The signed manifest names other content than the row.
    fn disagrees(&self, row: &FileToCheck, look: &FileLook, told: Option<(u64, Sha256)>, judged: &mut Judged) -> Bad {
        let row_sha256 = row.sha256.map(|sha256| sha256.to_string()).unwrap_or_default();
        let Some((size_bytes, sha256)) = told else {
            let found = format!("the database names a file {}, the signed manifest does not", row.name);
            judged.drafts.push(self.draft(FindingKind::ManifestDisagrees, &row.name, "no such file", found.clone()));
            return (VersionState::Corrupt, found);
        };
        let expected = format!("{size_bytes} bytes with SHA-256 {sha256} (as signed)");
        let found = match &look.finding {
            Finding::Good { .. } => format!("the file and the database were changed together to SHA-256 {row_sha256}"),
            Finding::Changed { found, .. } if *found == sha256 => {
                format!("the file is as signed, the database says SHA-256 {row_sha256}")
            }
            // Light: what its bytes are was seen by the check before, or is seen by the one that is ordered.
            Finding::Unproved { .. } => match self.known_bad(&row.name, look.stamp) {
                Some(known) => known.found.clone(),
                None => format!("the database says {} bytes with SHA-256 {row_sha256}", row.size_bytes),
            },
            _ => format!("the database says {} bytes with SHA-256 {row_sha256}, the file is neither", row.size_bytes),
        };
        let reason = format!("file {}: expected {expected}, found: {found}", row.name);
        let draft = self.draft(FindingKind::ManifestDisagrees, &row.name, expected, found);
        judged.drafts.push(Draft { stamp: look.stamp, ..draft });
        (VersionState::Corrupt, reason)
    }
}

fn result(row: &FileToCheck, state: VersionState, reason: String) -> FileResult {
    FileResult::bad(&row.name, state, reason)
}
