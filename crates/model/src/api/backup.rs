//! Backups.

use serde::{Deserialize, Serialize};

/// A backup to be made on the server's own disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupStart {
    /// The folder, absolute, on the server. It may hold earlier backups.
    pub folder: String,
    /// File on the server with the passphrase that database, keys and configuration are sealed under; readable by the
    /// server's user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<String>,
    /// Without a passphrase: keys and database lie in the folder as they are, for the server's user alone.
    #[serde(default)]
    pub plain: bool,
    /// Remove older backups so that so many are left; none: keep all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// Believe package files that are there already by their length instead of reading them.
    #[serde(default)]
    pub quick: bool,
}
