//! What a version's folder tells beside its files' bytes: its manifest, what else lies there, who can change it.

use patchwharf_model::{
    finding::FindingKind,
    package::{Manifest, VersionState},
};
use patchwharf_store::{Access, FolderAccess, ManifestError, layout};

use super::{Bad, Draft, Judge, Judged, OURS};
use crate::operations::{assembly::told::with_causes, integrity::task::Frame};

impl Judge<'_> {
    /// The manifest, if it can be believed; else what is wrong with it.
    pub(super) fn manifest<'f>(&self, frame: &'f Frame, judged: &mut Judged) -> Option<&'f Manifest> {
        use FindingKind as Kind;
        let error = match frame.manifest.as_ref()? {
            Ok(manifest) => {
                let stamp = frame.manifest_file.map(|(stamp, _)| stamp);
                judged.manifest_stamp = stamp.filter(|_| self.light);
                return Some(manifest);
            }
            Err(error) => error,
        };
        let kind = match error {
            ManifestError::Missing { .. } => Kind::ManifestMissing,
            ManifestError::BadSignature { .. } => Kind::ManifestUnsigned,
            ManifestError::OtherKey { .. } => Kind::ManifestForeign,
            ManifestError::OtherVersion { .. } => Kind::ManifestOfAnother,
            ManifestError::Disagrees { .. } => Kind::ManifestDisagrees,
            ManifestError::Malformed { .. }
            | ManifestError::TooLong { .. }
            | ManifestError::NewerFormat { .. }
            | ManifestError::Disk(_) => Kind::ManifestUnreadable,
        };
        let expected = "a manifest signed by this server's key";
        judged.drafts.push(self.draft(kind, layout::MANIFEST, expected, with_causes(error)));
        None
    }

    /// Files that were signed and that the database does not know.
    pub(super) fn unknown_files(&self, manifest: Option<&Manifest>, judged: &mut Judged) -> Vec<Bad> {
        let known = |name: &str| self.task.files.iter().any(|(row, _)| row.name == name);
        let unknown = manifest.into_iter().flat_map(|m| &m.files).filter(|told| !known(told.name.as_str()));
        let mut bad = Vec::new();
        for told in unknown {
            let expected = format!("{} bytes with SHA-256 {} (as signed)", told.size_bytes, told.sha256);
            let found = "the database does not know it";
            bad.push((VersionState::Corrupt, format!("file {}: expected {expected}; {found}", told.name)));
            judged.drafts.push(self.draft(FindingKind::ManifestDisagrees, told.name.as_str(), expected, found));
        }
        bad
    }

    /// What else lies in the folder, and who can change it.
    pub(super) fn rest(&self, frame: &Frame, manifest: Option<&Manifest>, judged: &mut Judged) {
        let signed = |name: &str| manifest.is_some_and(|m| m.files.iter().any(|told| told.name.as_str() == name));
        match &frame.extra {
            Ok(names) => {
                for name in names.iter().filter(|name| !signed(name)) {
                    judged.drafts.push(self.draft(FindingKind::FileExtra, name, "nothing", "not part of the package"));
                }
            }
            Err(error) => {
                judged.drafts.push(self.draft(FindingKind::FolderUnreadable, "", "a folder", with_causes(error)));
            }
        }
        if let Some((_, access)) = frame.manifest_file {
            self.access(layout::MANIFEST, access, judged);
        }
        judged.drafts.extend(frame.access.iter().filter_map(|one| self.folder_access(one)));
    }

    pub(super) fn folder_access(&self, FolderAccess { path, access }: &FolderAccess) -> Option<Draft> {
        let (kind, found) = of_access(*access, FindingKind::FolderOpen, FindingKind::FolderClosed)?;
        Some(Draft { path: path.to_string(), ..self.draft(kind, "", OURS, found) })
    }

    pub(super) fn access(&self, name: &str, access: Access, judged: &mut Judged) {
        if let Some((kind, found)) = of_access(access, FindingKind::FileOpen, FindingKind::FileClosed) {
            judged.drafts.push(self.draft(kind, name, OURS, found));
        }
    }
}

/// What an access that is not fine means, in words.
pub(crate) fn of_access(access: Access, open: FindingKind, closed: FindingKind) -> Option<(FindingKind, String)> {
    match access {
        Access::Fine => None,
        Access::Open { owner, mode } => Some((open, format!("owner {owner}, mode {mode:04o}"))),
        Access::Closed { owner, mode } => Some((closed, format!("owner {owner}, mode {mode:04o}"))),
    }
}
