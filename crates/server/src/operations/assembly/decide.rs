//! The decision for one update: nothing to do, or which files a new version needs and where they come from. Pure.

use std::{collections::HashMap, sync::Arc};

use patchwharf_db::{
    packages::{File, Version},
    updates::Update,
};
use patchwharf_model::{JobId, LocationId, PackageId, Sha256, Timestamp, package::VersionState, update::VendorDigest};

use super::{
    VersionKey,
    build::{BadFile, BuildFile, ContentKey, Current, Linked, Origin},
    inspect::{Seen, Worth},
};

/// How an operation wants versions made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What is there and proved stays.
    Stage,
    /// As `Stage`, but every file is hashed first.
    RefreshQuick,
    /// A new package, every file fetched anew.
    RefreshComplete,
    /// A new package over the verified files.
    Recreate,
    /// The next version at this location, every file of it from the vendor or from there: what is current is damaged
    /// where it is, and no link reaches from one location to another.
    Restage(LocationId),
}

impl Mode {
    /// Whether it makes a package with a new GUID.
    pub(crate) fn makes_new_package(self) -> bool {
        matches!(self, Self::RefreshComplete | Self::Recreate)
    }
}

/// What is known of one update.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// The update.
    pub(crate) update: &'a Arc<Update>,
    /// Its active package.
    pub(crate) package: PackageId,
    /// That package's fencing token, held.
    pub(crate) token: i64,
    /// All versions of all its packages.
    pub(crate) versions: &'a [Version],
    /// The files of its current version, looked at.
    pub(crate) seen: &'a [Seen],
    /// Why the manifest of its current version is not what it must be.
    pub(crate) distrust: Option<&'a str>,
    /// The files of its other versions.
    pub(crate) others: &'a HashMap<(PackageId, u64), Vec<File>>,
    /// Where new packages go.
    pub(crate) default: LocationId,
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Decision {
    /// None: the current version is as it must be.
    pub(crate) make: Option<Make>,
    /// Unfinished versions that nobody will finish.
    pub(crate) leftovers: Vec<(PackageId, u64)>,
}

/// A version to make.
#[derive(Debug)]
pub(crate) struct Make {
    /// An unfinished version to go on with: its package and number.
    pub(crate) resume: Option<(PackageId, u64)>,
    /// Whether it goes into a package with a new GUID.
    pub(crate) new_package: bool,
    /// Where its folder will be.
    pub(crate) location: LocationId,
    /// What it takes the place of.
    pub(crate) from: Option<Current>,
    /// How often it was tried before.
    pub(crate) attempts: u32,
    /// Its files.
    pub(crate) files: Vec<BuildFile>,
}

/// States of a version that never became whole.
const UNFINISHED: [VersionState; 4] =
    [VersionState::Wanted, VersionState::Staging, VersionState::Unreachable, VersionState::VendorChanged];

/// Decides.
pub(crate) fn decide(mode: Mode, job: JobId, now: Timestamp, known: &Known<'_>) -> Decision {
    let current = known.versions.iter().find(|v| v.is_current && v.active);
    let new_package = mode.makes_new_package() && current.is_some();
    let location = match (mode, current) {
        (Mode::Restage(to), _) => to,
        // Files are linked within a location; only what is fetched whole goes to the default one.
        (mode, Some(v)) if mode != Mode::RefreshComplete => v.location_id,
        _ => known.default,
    };
    let (resume, leftovers) = unfinished(job, known, new_package, location);
    // A complete refresh that was interrupted after the switch finds its own package current.
    let ours = current.is_some_and(|v| v.job_id == Some(job) && v.state == VersionState::Staged);
    let sound = current.is_some_and(|v| {
        v.files_digest == known.update.files_digest
            && known.seen.iter().all(|seen| !matches!(seen.worth, Worth::Bad { .. }))
            && covers(known)
            && known.distrust.is_none()
    });
    // What was found damaged a moment ago is not believed again because its stamps still fit.
    let elsewhere = matches!(mode, Mode::Restage(to) if current.is_some_and(|v| v.location_id != to));
    if sound && !elsewhere && (!mode.makes_new_package() || ours) {
        let leftovers = leftovers.into_iter().chain(resume).collect();
        return Decision { make: None, leftovers };
    }
    let from = current.map(|v| Current {
        package: v.package_id,
        version: v.version,
        token: known.token,
        location: v.location_id,
        bad: known.seen.iter().filter_map(bad_file).collect(),
        gone: known.seen.iter().all(|seen| matches!(seen.worth, Worth::Bad { state: VersionState::Missing, .. })),
        revised: v.files_digest != known.update.files_digest,
        distrust: known.distrust.map(ToOwned::to_owned),
    });
    let link = !matches!(mode, Mode::RefreshComplete | Mode::Restage(_));
    let files = known.update.files.iter().map(|file| build_file(known, file, link, now)).collect();
    let tried = |id| known.versions.iter().find(|v| Some((v.package_id, v.version)) == id).map_or(0, |v| v.attempts);
    let attempts = tried(resume).max(current.map_or(0, |v| v.attempts));
    Decision { make: Some(Make { resume, new_package, location, from, attempts, files }), leftovers }
}

/// The unfinished version to go on with, and those that nobody will finish. The package's lock is held, so whoever
/// began them has ended or will look anew.
fn unfinished(
    job: JobId,
    known: &Known<'_>,
    new_package: bool,
    location: LocationId,
) -> (Option<VersionKey>, Vec<VersionKey>) {
    let mut resume: Option<(PackageId, u64)> = None;
    let mut leftovers = Vec::new();
    for v in known.versions.iter().filter(|v| !v.is_current && UNFINISHED.contains(&v.state)) {
        // One that was begun before the location for new packages was changed is begun anew there.
        let usable = v.files_digest == known.update.files_digest
            && v.location_id == location
            && if new_package { !v.active && v.job_id == Some(job) } else { v.package_id == known.package };
        let id = (v.package_id, v.version);
        if usable {
            leftovers.extend(resume.replace(id));
        } else {
            leftovers.push(id);
        }
    }
    (resume, leftovers)
}

/// Whether the current version has a file for each that the update names.
fn covers(known: &Known<'_>) -> bool {
    known.update.files.iter().all(|file| known.seen.iter().any(|seen| seen.file.name == file.name.as_str()))
}

fn bad_file(seen: &Seen) -> Option<BadFile> {
    let Worth::Bad { state, reason } = &seen.worth else { return None };
    Some(BadFile { name: seen.file.name.clone(), on_disk: *state != VersionState::Missing, reason: reason.clone() })
}

fn build_file(
    known: &Known<'_>,
    file: &patchwharf_model::update::PayloadFile,
    link: bool,
    now: Timestamp,
) -> BuildFile {
    let key = ContentKey { size_bytes: file.size_bytes, digest: file.digest };
    let same = |row: &File| row.size_bytes == key.size_bytes && row.vendor_digest == key.digest;
    let linked = known.seen.iter().filter(|seen| link && same(&seen.file)).find_map(|seen| {
        seen.proof(now).map(|(stamp, sha256, verified_at)| Linked {
            package: seen.file.package_id,
            version: seen.file.version,
            name: seen.file.name.clone(),
            sha256,
            stamp,
            verified_at,
        })
    });
    let sha256 = match file.digest {
        VendorDigest::Sha256(sha256) => Some(sha256),
        VendorDigest::Sha1(_) => pinned(known, &same),
    };
    let origin = match linked {
        Some(linked) => Origin::Link(linked),
        None if file.url.is_none() => Origin::ByHand,
        None => Origin::Fetch,
    };
    BuildFile { file: file.clone(), sha256, origin }
}

/// The SHA-256 that the first download of these bytes pinned.
fn pinned(known: &Known<'_>, same: &impl Fn(&File) -> bool) -> Option<Sha256> {
    let seen = known.seen.iter().map(|seen| &seen.file);
    let others = known.others.values().flatten();
    seen.chain(others).filter(|row| same(row)).find_map(|row| row.sha256)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use patchwharf_model::{package::ProofStamp, update::PayloadFile};

    use super::*;
    use crate::operations::assembly::samples;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    struct Ground {
        update: Arc<Update>,
        package: PackageId,
        job: JobId,
        versions: Vec<Version>,
        seen: Vec<Seen>,
        distrust: Option<&'static str>,
    }

    impl Ground {
        fn new(files: Vec<PayloadFile>) -> Self {
            let update = Arc::new(samples::update(files));
            let (package, job) = (PackageId::new(), JobId::new());
            Self { update, package, job, versions: Vec::new(), seen: Vec::new(), distrust: None }
        }

        fn version(&mut self, version: u64, state: VersionState, is_current: bool) -> &mut Version {
            self.versions.push(Version {
                package_id: self.package,
                version,
                update_id: self.update.update_id,
                active: true,
                is_current,
                token: 1,
                location_id: LocationId(uuid::Uuid::nil()),
                state,
                since: NOW,
                job_id: None,
                reason: String::new(),
                weak: false,
                unproved: false,
                size_bytes: 0,
                files_digest: self.update.files_digest,
                retire_after: None,
                next_try_at: None,
                attempts: 0,
            });
            self.versions.last_mut().unwrap()
        }

        fn see(&mut self, file: &PayloadFile, good: bool) {
            let VendorDigest::Sha256(sha256) = file.digest else { return };
            let stamp = ProofStamp { dev: 1, inode: 1, size_bytes: 100, mtime_ns: 0, ctime_ns: 0 };
            let worth = match good {
                true => Worth::Proved { stamp, verified_at: NOW },
                false => Worth::Bad { state: VersionState::Corrupt, reason: "rotten".into() },
            };
            self.seen.push(Seen {
                file: File {
                    package_id: self.package,
                    version: 1,
                    name: file.name.to_string(),
                    size_bytes: file.size_bytes,
                    sha256: Some(sha256),
                    vendor_digest: file.digest,
                    url: None,
                    state: VersionState::Staged,
                    reason: String::new(),
                    proof: None,
                    looked_at: None,
                },
                worth,
            });
        }

        fn decide(&self, mode: Mode) -> Decision {
            let known = Known {
                update: &self.update,
                package: self.package,
                token: 1,
                versions: &self.versions,
                seen: &self.seen,
                distrust: self.distrust,
                others: &HashMap::new(),
                default: LocationId(uuid::Uuid::nil()),
            };
            decide(mode, self.job, NOW, &known)
        }
    }

    fn two() -> (Ground, [PayloadFile; 2]) {
        let files = [samples::file("a", 1), samples::file("b", 2)];
        let mut ground = Ground::new(files.to_vec());
        ground.version(1, VersionState::Staged, true);
        (ground, files)
    }

    fn links(decision: &Decision) -> Vec<bool> {
        let make = decision.make.as_ref().unwrap();
        make.files.iter().map(|file| matches!(file.origin, Origin::Link(_))).collect()
    }

    #[test]
    fn a_package_that_is_whole_needs_nothing() {
        let (mut ground, [a, b]) = two();
        ground.see(&a, true);
        ground.see(&b, true);
        assert!(ground.decide(Mode::Stage).make.is_none());
        assert!(ground.decide(Mode::RefreshQuick).make.is_none());
    }

    #[test]
    fn good_files_are_linked_and_bad_ones_fetched() {
        let (mut ground, [a, b]) = two();
        ground.see(&a, true);
        ground.see(&b, false);
        let decision = ground.decide(Mode::RefreshQuick);
        assert_eq!(links(&decision), [true, false]);
        let make = decision.make.unwrap();
        assert!(!make.new_package && make.from.unwrap().bad[0].name == "b");
    }

    #[test]
    fn a_manifest_that_is_wrong_is_mended_by_a_version_over_the_same_files() {
        let (mut ground, [a, b]) = two();
        ground.see(&a, true);
        ground.see(&b, true);
        ground.distrust = Some("it is not signed");
        let decision = ground.decide(Mode::RefreshQuick);
        assert_eq!(links(&decision), [true, true]);
        assert_eq!(decision.make.unwrap().from.unwrap().distrust.as_deref(), Some("it is not signed"));
    }

    #[test]
    fn a_complete_refresh_links_nothing_and_gets_a_new_package_once() {
        let (mut ground, [a, b]) = two();
        ground.see(&a, true);
        ground.see(&b, true);
        let decision = ground.decide(Mode::RefreshComplete);
        assert_eq!(links(&decision), [false, false]);
        assert!(decision.make.unwrap().new_package);
        ground.versions[0].job_id = Some(ground.job);
        assert!(ground.decide(Mode::RefreshComplete).make.is_none(), "an interrupted job does not begin again");
    }

    #[test]
    fn an_unfinished_version_of_the_same_content_is_taken_up_and_others_go() {
        let mut ground = Ground::new(vec![samples::file("a", 1)]);
        ground.version(1, VersionState::Staging, false).files_digest = Sha256([9; 32]);
        ground.version(2, VersionState::Unreachable, false).attempts = 3;
        let decision = ground.decide(Mode::Stage);
        assert_eq!(decision.leftovers, [(ground.package, 1)]);
        let make = decision.make.unwrap();
        assert_eq!((make.resume, make.attempts), (Some((ground.package, 2)), 3));
    }

    #[test]
    fn an_unfinished_version_at_another_location_is_not_taken_up() {
        let mut ground = Ground::new(vec![samples::file("a", 1)]);
        ground.version(1, VersionState::Unreachable, false).location_id = LocationId::new();
        let decision = ground.decide(Mode::Stage);
        assert_eq!(decision.leftovers, [(ground.package, 1)]);
        let make = decision.make.unwrap();
        assert_eq!((make.resume, make.location), (None, LocationId(uuid::Uuid::nil())));
    }

    #[test]
    fn what_is_staged_anew_elsewhere_links_nothing_and_is_made_once() {
        let (mut ground, [a, b]) = two();
        ground.see(&a, true);
        ground.see(&b, true);
        let to = LocationId::new();
        let decision = ground.decide(Mode::Restage(to));
        assert_eq!(links(&decision), [false, false]);
        assert!(!decision.make.unwrap().new_package);
        ground.versions[0].location_id = to;
        assert!(ground.decide(Mode::Restage(to)).make.is_none());
    }

    #[test]
    fn a_revision_by_the_vendor_keeps_the_files_that_did_not_change() {
        let (mut ground, [a, b]) = two();
        ground.versions[0].files_digest = Sha256([9; 32]);
        ground.see(&a, true);
        let _ = b;
        let decision = ground.decide(Mode::Stage);
        assert_eq!(links(&decision), [true, false]);
        assert!(decision.make.unwrap().from.unwrap().revised);
    }
}
