//! What a deletion would do, counted before it is done.

use serde::{Deserialize, Serialize};

use super::PolicyReference;
use crate::JobId;

/// What deleting packages would take, and what refers to them; nothing is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeletionPreview {
    /// Packages that would be deleted.
    pub packages: u64,
    /// Packages that there are in all.
    pub of_packages: u64,
    /// Their files on disk, each as often as it is named.
    pub files: u64,
    /// Bytes of those files.
    pub size_bytes: u64,
    /// Bytes that become free: data that other packages share stays.
    pub freed_bytes: u64,
    /// Copies of them that relocations have left at other locations: they go too.
    #[serde(default)]
    pub originals: u64,
    /// Bytes of those copies.
    #[serde(default)]
    pub original_bytes: u64,
    /// How many of the packages a policy needs: they stay unless `although_needed` is said.
    pub needed: u64,
    /// The policies that need them.
    pub policies: Vec<PolicyReference>,
    /// Jobs that hold one of them now; the deletion waits for these.
    pub jobs: Vec<JobId>,
    /// So many at once are deleted only by a request that says this number as `confirm`.
    pub confirm: Option<u64>,
}

/// What removing a feed with all its packages would take; nothing is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeedRemovalPreview {
    /// Bulletins of the feed that would no longer be listed.
    pub bulletins: u64,
    /// Its packages.
    pub deletion: DeletionPreview,
}
