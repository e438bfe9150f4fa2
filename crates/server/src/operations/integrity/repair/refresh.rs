//! Damaged packages mended by quick refresh; what cannot be had any more is set aside and not offered (G-08).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use camino::Utf8PathBuf;
use patchwharf_db::{
    findings::{self, Settled},
    packages::{self, FileResult, Held, Verified, Version},
};
use patchwharf_model::{
    PackageId,
    finding::{DoneBy, Finding as Found, FindingKind, Outcome},
    job::Selection,
    package::VersionState,
};
use patchwharf_store::{Finding, Location, ToVerify, fault::Step, layout};

use super::{Check, last, words};
use crate::operations::{
    Ending, OperationError,
    assembly::told::with_causes,
    compare::{self, Difference},
    cores, fault_at, refresh, selection, write,
};

/// Packages looked at in one go.
const CHUNK: usize = 500;

/// What was set aside so that a package's next version has a place, and where.
type Cleared = HashMap<PackageId, (Arc<Location>, Utf8PathBuf)>;

/// A package's findings that a refresh mends.
type Damaged = HashMap<PackageId, Vec<(String, Found)>>;

impl Check<'_> {
    /// Fetches what is bad into next versions. An ending: the job cannot go on now.
    pub(super) async fn refresh(&mut self) -> Result<Option<Ending>, OperationError> {
        let mut cleared = self.clear_places().await?;
        let mut damaged: Damaged = HashMap::new();
        for (key, finding) in
            self.findings.iter().filter(|(_, f)| f.outcome.remains() && words::is_mended_by_refresh(f))
        {
            if let Some(package) = finding.package {
                damaged.entry(package).or_default().push((key.clone(), finding.clone()));
            }
        }
        if damaged.is_empty() {
            return Ok(None);
        }
        let ids: Vec<PackageId> = damaged.keys().copied().collect();
        let updates = selection::updates_of(&self.ctx.app.db, &Selection::Packages(ids.clone())).await?;
        let mended = refresh::mend(self.ctx, updates).await;
        self.put_back(&mut cleared).await?;
        if let Err(ending) = mended? {
            return Ok(Some(ending));
        }
        fault_at(Step::IntegrityAfterRepair)?;
        let right = match self.look_at_what_stayed(&damaged).await? {
            Ok(right) => right,
            Err(ending) => return Ok(Some(ending)),
        };
        for ids in ids.chunks(CHUNK) {
            let current = self.current(ids).await?;
            let mut settled = Vec::new();
            for id in ids {
                for (key, finding) in damaged.get(id).into_iter().flatten() {
                    settled.push(match current.get(id) {
                        Some(v) if finding.version != Some(v.version) && v.state == VersionState::Staged => {
                            let kept = match cleared.get(id) {
                                Some((_, path)) => format!("; what lay there is kept in {path}"),
                                None => self.clear_after(finding, v.token).await?,
                            };
                            let text = format!("version {} took its place{kept}", v.version);
                            words::settled(key, finding, Outcome::Mended, text)
                        }
                        Some(v) if right.contains(key) => {
                            let text = format!("version {} is whole again", v.version);
                            words::settled(key, finding, Outcome::Mended, text)
                        }
                        Some(v) => self.not_mended(key, finding, v).await?,
                        None => words::settled(key, finding, Outcome::Cleared, "its package was deleted meanwhile"),
                    });
                }
            }
            self.settle(settled).await?;
        }
        Ok(None)
    }

    /// Versions that are served and no refresh has replaced: is there anything wrong with them yet?
    async fn look_at_what_stayed(
        &mut self,
        damaged: &Damaged,
    ) -> Result<Result<HashSet<String>, Ending>, OperationError> {
        let ids: Vec<PackageId> = damaged.keys().copied().collect();
        let mut doubtful = Vec::new();
        for ids in ids.chunks(CHUNK) {
            let current = self.current(ids).await?;
            for (key, finding) in ids.iter().filter_map(|id| damaged.get(id)).flatten() {
                let v = finding.package.and_then(|package| current.get(&package));
                if v.is_some_and(|v| v.state == VersionState::Staged && finding.version == Some(v.version)) {
                    doubtful.push((key.clone(), finding.clone()));
                }
            }
        }
        self.look_again(doubtful).await
    }

    /// The current versions of packages.
    async fn current(&self, ids: &[PackageId]) -> Result<HashMap<PackageId, Version>, OperationError> {
        let versions = packages::versions(&self.ctx.app.db, ids).await?.into_iter().filter(|v| v.is_current);
        Ok(versions.map(|v| (v.package_id, v)).collect())
    }

    /// A link or another thing in the place of a package's folder is set aside, so that the next version has a place: see
    /// [`Self::put_back`]. What lies in the place of a version's folder is in nobody's way: see [`Self::clear_after`].
    async fn clear_places(&mut self) -> Result<Cleared, OperationError> {
        let mut cleared = Cleared::new();
        for (key, finding) in self.remaining(&[FindingKind::FolderIsNoFolder]) {
            let (Some(package), Some(location)) = (finding.package, finding.location.and_then(|id| self.open(id)))
            else {
                continue;
            };
            // On record before it is done: after a kill nobody else says where it went.
            let quarantine = location.path().join(layout::QUARANTINE);
            let text = format!("what lay there is kept in {quarantine} while its package is fetched anew");
            self.note_ahead(words::settled(&key, &finding, finding.outcome, text)).await?;
            let (own, now) = (Arc::clone(&location), self.ctx.now());
            let moved = cores::blocking(move || {
                (!own.has_package_folder(package)).then(|| own.quarantine_package(package, now))
            });
            match moved.await? {
                None => self.note_ahead(words::settled(&key, &finding, finding.outcome, "")).await?,
                Some(Ok(path)) => drop(cleared.insert(package, (location, path))),
                Some(Err(error)) => {
                    let why = with_causes(&error);
                    tracing::warn!(job.id = %self.ctx.job, package.id = %package, "{key} stays in its place: {why}");
                    self.note_ahead(words::settled(&key, &finding, finding.outcome, why)).await?;
                }
            }
        }
        Ok(cleared)
    }

    /// Says what is about to become of a finding, for an attempt after this one; here it is as it was.
    async fn note_ahead(&self, about: Settled) -> Result<(), OperationError> {
        let mut w = write(self.ctx).await?;
        findings::settle(&mut w, self.ctx.job, &[about]).await?;
        w.commit().await?;
        Ok(())
    }

    /// Where no version has come, what was set aside for it goes back: nothing is moved for nothing.
    async fn put_back(&self, cleared: &mut Cleared) -> Result<(), OperationError> {
        let ids: Vec<PackageId> = cleared.keys().copied().collect();
        let current = self.current(&ids).await?;
        let has_come = |package: &PackageId| current.get(package).is_some_and(|v| v.state == VersionState::Staged);
        for package in ids.into_iter().filter(|package| !has_come(package)) {
            let Some((location, path)) = cleared.remove(&package) else { continue };
            let put = cores::blocking(move || location.put_back_package(package, &path)).await?;
            match put {
                Ok(()) => {
                    for (key, finding) in self.remaining(&[FindingKind::FolderIsNoFolder]) {
                        if finding.package == Some(package) {
                            self.note_ahead(words::settled(&key, &finding, finding.outcome, "")).await?;
                        }
                    }
                }
                Err(error) => {
                    let why = with_causes(&error);
                    tracing::warn!(
                        job.id = %self.ctx.job, package.id = %package, "what lay in its place stays in quarantine: {why}"
                    );
                }
            }
        }
        Ok(())
    }

    /// What lay in the place of a version's folder goes to quarantine when the next version has taken over.
    async fn clear_after(&self, finding: &Found, token: i64) -> Result<String, OperationError> {
        let (FindingKind::FolderIsNoFolder, Some(package), Some(version), Some(location)) =
            (finding.kind, finding.package, finding.version, finding.location.and_then(|id| self.open(id)))
        else {
            return Ok(String::new());
        };
        let (own, now) = (Arc::clone(&location), self.ctx.now());
        let moved = cores::blocking(move || own.quarantine_version(package, version, now)).await?;
        Ok(match moved {
            Ok(path) => {
                // Its row is retired, and has no folder any more.
                let held = Held { package_id: package, version, token };
                compare::settle(&self.who, &location, vec![Difference::Gone(held)]).await?;
                format!("; what lay there is kept in {path}")
            }
            Err(error) if error.is_missing() => String::new(),
            Err(error) => format!("; what lay there is still there: {}", with_causes(&error)),
        })
    }

    /// A passing reason: it is tried again by itself, nothing was changed. A lasting one: the bad file goes to quarantine.
    async fn not_mended(&self, key: &str, finding: &Found, v: &Version) -> Result<Settled, OperationError> {
        if let Some(at) = v.next_try_at {
            return Ok(Settled {
                by: DoneBy::Clock,
                remedy: format!("a quick refresh is tried again at {at}"),
                ..words::settled(key, finding, Outcome::Stays, why(finding, &v.reason))
            });
        }
        if v.reason.is_empty() && v.state == VersionState::Staged {
            let why = "a quick refresh found nothing to mend, and it is still there";
            return Ok(Settled {
                by: DoneBy::Nobody,
                remedy: "a complete refresh makes a new package, every file fetched anew".to_owned(),
                command: format!("patchwharf bulletin refresh --complete {}", words::quote(&finding.bulletin_name)),
                ..words::settled(key, finding, Outcome::Stays, why)
            });
        }
        let aside = match lies_there(finding.kind) {
            true => self.set_aside_irreparable(finding, v).await?,
            false => None,
        };
        let kept = aside.map(|path| format!("; the bad file is kept in {path}")).unwrap_or_default();
        Ok(Settled {
            by: DoneBy::Nobody,
            remedy: "it is not offered; give the file by hand, or stage its bulletin again when the vendor has it"
                .to_owned(),
            command: format!("patchwharf package supply {} FILE", words::quote(&finding.update_key)),
            ..words::settled(key, finding, Outcome::Stays, format!("{}{kept}", why(finding, &v.reason)))
        })
    }

    /// To quarantine, so that nobody else takes it for the file.
    async fn set_aside_irreparable(&self, finding: &Found, v: &Version) -> Result<Option<String>, OperationError> {
        let Some(location) = finding.location.and_then(|id| self.open(id)) else { return Ok(None) };
        let (package, version, name, now) = (v.package_id, v.version, last(&finding.path), self.ctx.now());
        if finding.version != Some(version) {
            return Ok(None);
        }
        let (entry, keys) = (name.clone(), self.ctx.app.known_keys().await?);
        let moved = cores::blocking(move || {
            // What is as it was signed is no bad file, whatever the database says of it.
            let manifest = location.manifest(package, version, &keys).ok();
            let signed = manifest.and_then(|m| m.files.into_iter().find(|told| told.name.as_str() == entry));
            let is_signed = signed.is_some_and(|told| {
                let wanted = ToVerify { name: told.name, size_bytes: told.size_bytes, sha256: told.sha256 };
                matches!(location.verify_file(package, version, &wanted), Finding::Good { .. })
            });
            (!is_signed).then(|| location.quarantine_entry(package, version, &entry, now).ok()).flatten()
        })
        .await?;
        let Some(path) = moved else { return Ok(None) };
        let reason = format!("file {name} was damaged and cannot be had: it is kept in {path}");
        let file = FileResult::bad(name, VersionState::Missing, &reason);
        let held = Held { package_id: package, version, token: v.token };
        let reason = if v.reason.is_empty() { reason } else { format!("{}; {reason}", v.reason) };
        let verdict = Verified { held, state: v.state, reason, files: vec![file] };
        let mut w = write(self.ctx).await?;
        packages::put_verified(&mut w, Some(self.ctx.job), now, &[verdict]).await?;
        w.commit().await?;
        Ok(Some(path.into_string()))
    }
}

/// A version's reason without what the finding says already.
fn why(finding: &Found, reason: &str) -> String {
    let told = format!("file {}: expected ", last(&finding.path));
    let rest = reason.strip_prefix(&told).and_then(|rest| rest.split_once("; ")).map(|(_, rest)| rest);
    rest.unwrap_or(reason).to_owned()
}

/// Whether a bad file lies there that could be taken for a good one.
fn lies_there(kind: FindingKind) -> bool {
    use FindingKind as Kind;
    matches!(
        kind,
        Kind::FileChanged
            | Kind::FileTruncated
            | Kind::FileTooLong
            | Kind::FileIsLink
            | Kind::FileIsNoFile
            | Kind::ManifestDisagrees
    )
}
