//! Owners and modes set right.

use std::collections::HashMap;

use camino::Utf8PathBuf;
use patchwharf_db::{
    findings::Settled,
    packages::{self, FileToCheck, Proof},
};
use patchwharf_model::{
    LocationId, PackageId,
    finding::{DoneBy, Finding, FindingKind, Outcome},
    package::ProofStamp,
};

use super::{Check, PIECE, last, words};
use crate::operations::{Ending, OperationError, assembly::told::with_causes, cores, write};

impl Check<'_> {
    /// Takes from others the right to change files and folders, and gives the server the right to read them.
    /// An ending: the job cannot go on now.
    pub(super) async fn set_right_access(&mut self) -> Result<Option<Ending>, OperationError> {
        // Behind a closed folder may lie another one, and what lies in it was not seen.
        for _ in 0..2 {
            let opened = self.set_right_folders().await?;
            if let Err(ending) = self.look_again(opened).await? {
                return Ok(Some(ending));
            }
        }
        let files = self.remaining(&[FindingKind::FileOpen, FindingKind::FileClosed]);
        for files in files.chunks(PIECE) {
            if self.is_stopped() {
                break;
            }
            self.set_right_files(files).await?;
        }
        Ok(None)
    }

    /// Gives the folders that it has opened.
    async fn set_right_folders(&mut self) -> Result<Vec<(String, Finding)>, OperationError> {
        let folders = self.remaining(&[FindingKind::FolderOpen, FindingKind::FolderClosed]);
        let is_closed = |finding: &Finding| finding.kind == FindingKind::FolderClosed && finding.package.is_some();
        let closed: Vec<String> =
            folders.iter().filter(|(_, finding)| is_closed(finding)).map(|(key, _)| key.clone()).collect();
        let mut settled = Vec::new();
        for (key, finding) in folders {
            if self.is_stopped() {
                break;
            }
            let Some(location) = finding.location.and_then(|id| self.open(id)) else { continue };
            let path = Utf8PathBuf::from(&finding.path);
            let inside = path.strip_prefix(location.path()).map(ToOwned::to_owned).unwrap_or_default();
            let done = cores::blocking(move || location.tighten_folder(&inside)).await?;
            settled.push(judged(&key, &finding, done.map_err(|error| with_causes(&error)), "u+rwx,go-w"));
        }
        self.settle(settled).await?;
        let closed = closed.into_iter().filter_map(|key| Some((key.clone(), self.findings.get(&key)?.clone())));
        Ok(closed.filter(|(_, finding)| finding.outcome == Outcome::Mended).collect())
    }

    async fn set_right_files(&mut self, files: &[(String, Finding)]) -> Result<(), OperationError> {
        let keys: Vec<(PackageId, u64)> =
            files.iter().filter_map(|(_, finding)| Some((finding.package?, finding.version?))).collect();
        let mut rows: HashMap<(PackageId, u64, String), FileToCheck> = HashMap::new();
        for row in packages::files_to_check(&self.ctx.app.db, &keys).await? {
            rows.insert((row.package_id, row.version, row.name.clone()), row);
        }
        let (mut settled, mut proofs): (Vec<Settled>, Vec<(LocationId, Proof)>) = (Vec::new(), Vec::new());
        for (key, finding) in files {
            let (Some(package), Some(version), Some(id)) = (finding.package, finding.version, finding.location) else {
                continue;
            };
            let Some(location) = self.open(id) else { continue };
            let name = last(&finding.path);
            let row = rows.get(&(package, version, name.clone()));
            let proved = row.and_then(|row| row.proof).map(|(stamp, ..)| stamp);
            let none = ProofStamp { dev: 0, inode: 0, size_bytes: 0, mtime_ns: 0, ctime_ns: 0 };
            let done = cores::blocking(move || {
                location.tighten(package, version, &name, &proved.unwrap_or(none)).map_err(|error| with_causes(&error))
            })
            .await?;
            // Our own doing changed the stamp: the proof follows. Where it did not stand before, the file is hashed anew.
            if let (Ok(Some(stamp)), Some(row)) = (&done, row)
                && let (Some(sha256), Some((_, verified_at, _))) = (row.sha256, row.proof)
            {
                proofs.push((id, Proof { stamp: *stamp, sha256, verified_at }));
            }
            settled.push(judged(key, finding, done.map(drop), "u+r,go-w"));
        }
        for location in proofs.iter().map(|(id, _)| *id).collect::<std::collections::BTreeSet<_>>() {
            let here: Vec<Proof> =
                proofs.iter().filter(|(id, _)| *id == location).map(|(_, proof)| proof.clone()).collect();
            let mut w = write(self.ctx).await?;
            packages::put_proofs(&mut w, location, Some(self.ctx.job), &here).await?;
            w.commit().await?;
        }
        self.settle(settled).await
    }
}

fn judged(key: &str, finding: &Finding, done: Result<(), String>, change: &str) -> Settled {
    match done {
        Ok(()) => words::settled(key, finding, Outcome::Mended, "ours again, and only we can change it"),
        Err(why) => {
            let path = words::quote(&finding.path);
            Settled {
                by: DoneBy::Nobody,
                remedy: "an administrator must give it back to the server's user".to_owned(),
                command: format!("sudo chown --reference={} {path} && sudo chmod {change} {path}", parent(&path)),
                ..words::settled(key, finding, Outcome::Stays, why)
            }
        }
    }
}

/// The folder above, quoted as the path is.
fn parent(quoted: &str) -> String {
    match quoted.rsplit_once('/') {
        Some((above, _)) if quoted.starts_with('\'') => format!("{above}'"),
        Some((above, _)) if !above.is_empty() => above.to_owned(),
        _ => "/".to_owned(),
    }
}
