//! How the store and its disks filled over time.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Days to look back, 1 to 366; 30 when left out. Free space is kept for 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// How the store and its disks filled over time: about one sample an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StoreHistory {
    /// What was staged, oldest first; the last one is of now.
    pub staged: Vec<StagedSample>,
    /// The disks of the package locations that are open, the default one first.
    pub rooms: Vec<Room>,
}

/// What was staged at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StagedSample {
    /// When.
    pub at: Timestamp,
    /// Packages.
    pub packages: u64,
    /// Bytes of their files, each as often as it is named.
    pub size_bytes: u64,
    /// Bytes on disk: the same data once.
    pub disk_bytes: u64,
}

/// The disk of a package location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Room {
    /// The location's folder.
    pub path: String,
    /// Size of its file system in bytes.
    pub total_bytes: u64,
    /// Free bytes over time, oldest first; the last one is of now.
    pub free: Vec<FreeSample>,
    /// In how many seconds it is full at the pace of the last seven days; none: it does not fill, or that is not known yet.
    pub full_in_seconds: Option<u64>,
}

/// Free space at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FreeSample {
    /// When.
    pub at: Timestamp,
    /// Bytes.
    pub free_bytes: u64,
}
