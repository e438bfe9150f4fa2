//! Of the versions of an update the newest that is whole, and what is to be recorded of the others.

use std::{io::Read as _, sync::Arc};

use patchwharf_db::packages::StagedFile;
use patchwharf_model::{
    PackageId, Timestamp,
    package::{Manifest, ManifestFile},
    update::VendorDigest,
};
use patchwharf_store::{Finding, KnownKeys, Location, ToVerify};
use patchwharf_trust::FileHasher;

use super::look::{self, Candidate};
use crate::operations::assembly::describe;

/// A version that is whole.
#[derive(Clone)]
pub(super) struct Whole {
    pub(super) place: usize,
    pub(super) manifest: Manifest,
    pub(super) files: Vec<StagedFile>,
    /// Whether a key that proves has signed it.
    pub(super) is_proved: bool,
    /// See [`Candidate::next_version`].
    pub(super) next_version: u64,
    /// Other versions and packages of the update, which this one has replaced.
    pub(super) older: Vec<Replaced>,
    /// The same version at other places: what a relocation has left behind.
    pub(super) doubles: Vec<Double>,
}

/// A second copy of a version that is whole.
#[derive(Clone, Copy)]
pub(super) struct Double {
    pub(super) place: usize,
    /// Whether it is the same data on disk: no second copy.
    pub(super) same_data: bool,
}

impl Whole {
    /// Whether it is this version.
    fn is(&self, candidate: &Candidate) -> bool {
        (self.manifest.package, self.manifest.version) == (candidate.package, candidate.version)
    }

    /// Its copy at another place. Blocks.
    fn double(&self, location: &Location, place: usize) -> Double {
        let Manifest { package, version, .. } = &self.manifest;
        let same_data = self.files.iter().all(|file| {
            let opened = location.open_file(*package, *version, &file.name);
            opened.is_ok_and(|(_, found)| (found.dev, found.inode) == (file.stamp.dev, file.stamp.inode))
        });
        Double { place, same_data }
    }

    /// Where it, its copies and what it has replaced lie.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let older = self.older.iter().map(|older| older.place);
        older.chain(self.doubles.iter().map(|double| double.place)).chain([self.place])
    }

    /// Whether its files still lie there as they were when they were hashed. Blocks.
    pub(super) fn is_there(&self, location: &Location) -> bool {
        let Manifest { package, version, .. } = &self.manifest;
        self.files.iter().all(|file| {
            let opened = location.open_file(*package, *version, &file.name);
            opened.is_ok_and(|(_, found)| location.stamps().stands(&file.stamp, &found))
        })
    }
}

/// A version that another one has replaced. Its bytes are not read.
#[derive(Clone)]
pub(super) struct Replaced {
    pub(super) place: usize,
    pub(super) manifest: Manifest,
    /// Whether a key that proves has signed it.
    pub(super) is_proved: bool,
    /// See [`Candidate::next_version`].
    pub(super) next_version: u64,
}

/// What became of the versions of an update: the newest that is whole, and why others are not taken.
pub(super) struct Judged {
    pub(super) whole: Option<Whole>,
    pub(super) bad: Vec<(Candidate, String)>,
}

/// With what it is judged.
#[derive(Clone)]
pub(super) struct Means {
    /// Open locations, in the order of the places.
    pub(super) locations: Vec<Option<Arc<Location>>>,
    /// Whose manifests are believed.
    pub(super) keys: KnownKeys,
    /// Whose signatures prove.
    pub(super) proving: Option<KnownKeys>,
    pub(super) now: Timestamp,
}

impl Means {
    /// Judges the versions of an update, newest first. Blocks.
    pub(super) fn judge(&self, of_update: &[Candidate]) -> Judged {
        let mut judged = Judged { whole: None, bad: Vec::new() };
        for candidate in of_update {
            let Some(location) = &self.locations[candidate.place] else { continue };
            let taken = match &mut judged.whole {
                Some(taken) if taken.is(candidate) => {
                    let double = taken.double(location, candidate.place);
                    taken.doubles.push(double);
                    Ok(())
                }
                Some(taken) => self.replaced(location, candidate, &taken.manifest).map(|one| taken.older.push(one)),
                None => self.whole(location, candidate).map(|whole| judged.whole = Some(whole)),
            };
            if let Err(why) = taken {
                judged.bad.push((*candidate, why));
            }
        }
        judged
    }

    fn whole(&self, location: &Location, candidate: &Candidate) -> Result<Whole, String> {
        let manifest = look::manifest(location, candidate.package, candidate.version, &self.keys)?;
        let files = manifest.files.iter().map(|file| proved(location, candidate, file, self.now));
        Ok(Whole {
            place: candidate.place,
            files: files.collect::<Result<_, _>>()?,
            manifest,
            is_proved: self.proves(location, candidate),
            next_version: candidate.next_version,
            older: Vec::new(),
            doubles: Vec::new(),
        })
    }

    fn replaced(&self, location: &Location, candidate: &Candidate, by: &Manifest) -> Result<Replaced, String> {
        let manifest = look::manifest(location, candidate.package, candidate.version, &self.keys)?;
        if manifest.update != by.update {
            let (key, package): (_, PackageId) = (&manifest.update_key, by.package);
            return Err(format!("package {package}, which is newer, has its update {key} under another id"));
        }
        let (place, next_version) = (candidate.place, candidate.next_version);
        Ok(Replaced { place, manifest, is_proved: self.proves(location, candidate), next_version })
    }

    fn proves(&self, location: &Location, candidate: &Candidate) -> bool {
        let proving = self.proving.as_ref();
        proving.is_some_and(|keys| location.manifest(candidate.package, candidate.version, keys).is_ok())
    }
}

fn proved(
    location: &Location,
    candidate: &Candidate,
    file: &ManifestFile,
    now: Timestamp,
) -> Result<StagedFile, String> {
    let (name, size_bytes, sha256) = (file.name.clone(), file.size_bytes, file.sha256);
    let wanted = ToVerify { name: name.clone(), size_bytes, sha256 };
    let stamp = match location.verify_file(candidate.package, candidate.version, &wanted) {
        Finding::Good { stamp } => stamp,
        other => return Err(describe(&name, size_bytes, sha256, &other).1),
    };
    match file.vendor_digest {
        VendorDigest::Sha256(pinned) if pinned != sha256 => {
            return Err(format!("its manifest names SHA-256 {sha256} for {name}, and that the vendor pins {pinned}"));
        }
        VendorDigest::Sha256(_) => {}
        // What the manifest says of the vendor's pin is proved too: the feed will be compared with it.
        VendorDigest::Sha1(pinned) => {
            let failed = |error: &dyn std::fmt::Display| format!("file {name} cannot be read: {error}");
            let (file, found) =
                location.open_file(candidate.package, candidate.version, &name).map_err(|e| failed(&e))?;
            let hasher = FileHasher::for_pin(&VendorDigest::Sha1(pinned));
            let digests = patchwharf_trust::hash_reader(file.take(size_bytes + 1), hasher).map_err(|e| failed(&e))?;
            if found != stamp || digests.sha256 != sha256 {
                return Err(format!("file {name} changed while it was read"));
            }
            if digests.sha1 != Some(pinned) {
                return Err(format!(
                    "its manifest says that the vendor pins {name} by SHA-1 {pinned}, which it has not"
                ));
            }
        }
    }
    Ok(StagedFile { name, size_bytes, sha256, stamp, verified_at: now })
}
