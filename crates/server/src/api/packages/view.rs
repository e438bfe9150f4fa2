//! From rows to wire types.

use std::collections::HashMap;

use camino::Utf8PathBuf;
use patchwharf_db::packages::{File, Original, Package, PackageSort as Sort, SameData, Version};
use patchwharf_model::{
    FileName, LocationId, PackageId,
    api::{OriginalCopy, PackageFile, PackageSort, PackageSummary, PackageVersion},
};

pub(super) fn summary(row: Package) -> PackageSummary {
    PackageSummary {
        id: row.package_id,
        update: row.update_id,
        update_key: row.update_key,
        title: row.title,
        bulletin: row.bulletin_id,
        bulletin_name: row.bulletin,
        active: row.active,
        current_version: row.current_version,
        version: row.version,
        state: row.state,
        since: row.since,
        reason: row.reason.unwrap_or_default(),
        weak: row.weak.unwrap_or_default(),
        unproved: row.unproved.unwrap_or_default(),
        location: row.location_id,
        size_bytes: row.size_bytes.unwrap_or_default(),
        locked_by: row.lock_job,
        verified_at: row.verified_at,
    }
}

/// All files of a package, and which of them share their data.
pub(super) struct Files {
    pub(super) rows: Vec<File>,
    pub(super) same_data: Vec<SameData>,
}

/// Where the versions of a package lie.
pub(super) struct Places {
    pub(super) folders: HashMap<LocationId, Utf8PathBuf>,
    pub(super) originals: Vec<Original>,
}

impl Places {
    fn folder(&self, location: LocationId, package: PackageId, version: u64) -> String {
        self.folders.get(&location).map(|root| format!("{root}/{package}/{version}")).unwrap_or_default()
    }

    fn originals(&self, version: u64) -> Vec<OriginalCopy> {
        let of = self.originals.iter().filter(|original| original.version == version);
        of.map(|original| OriginalCopy {
            location: original.location_id,
            path: self.folder(original.location_id, original.package_id, version),
            same_data: original.same_data,
            moved_at: original.moved_at,
        })
        .collect()
    }
}

/// A version with its files.
pub(super) fn version(row: Version, all: &Files, places: &Places) -> PackageVersion {
    PackageVersion {
        version: row.version,
        state: row.state,
        since: row.since,
        job: row.job_id,
        reason: row.reason,
        weak: row.weak,
        unproved: row.unproved,
        size_bytes: row.size_bytes,
        location: row.location_id,
        path: places.folder(row.location_id, row.package_id, row.version),
        originals: places.originals(row.version),
        retire_after: row.retire_after,
        next_try_at: row.next_try_at,
        attempts: row.attempts,
        files: all.rows.iter().filter(|file| file.version == row.version).filter_map(|f| file(f, all)).collect(),
    }
}

fn file(row: &File, all: &Files) -> Option<PackageFile> {
    let inode = |file: &File| file.proof.map(|(stamp, _)| (stamp.dev, stamp.inode));
    let is_same = |other: &&File| {
        (other.version, &other.name) != (row.version, &row.name) && inode(other).is_some() && inode(other) == inode(row)
    };
    let same_data = all.same_data.iter().find(|same| (same.version, &same.name) == (row.version, &row.name));
    Some(PackageFile {
        name: FileName::new(row.name.clone()).ok()?,
        size_bytes: row.size_bytes,
        sha256: row.sha256,
        vendor_digest: row.vendor_digest,
        state: row.state,
        reason: row.reason.clone(),
        url: row.url.clone(),
        verified_at: row.proof.map(|(_, at)| at).or(row.looked_at),
        same_data: same_data.map_or(0, |same| same.others),
        same_data_as: all.rows.iter().filter(is_same).map(|f| format!("{}/{}", f.version, f.name)).collect(),
    })
}

pub(super) fn sort(sort: PackageSort) -> Sort {
    match sort {
        PackageSort::Created => Sort::Created,
        PackageSort::Since => Sort::Since,
        PackageSort::Size => Sort::Size,
        PackageSort::Verified => Sort::Verified,
    }
}
