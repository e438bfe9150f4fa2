//! What a server remembers of its audit trail in its data folder, outside the database.

use std::{fs, path::Path};

use serde::Deserialize;

/// `audit.heads`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Heads {
    /// Where the trail begins.
    pub(crate) cut: Place,
    /// Where it begins if a cut that was under way was committed.
    pub(crate) cutting: Option<Place>,
    /// Another server of the database has cut nothing that is younger.
    pub(crate) young_seconds: i64,
    /// The oldest first.
    pub(crate) heads: Vec<Seen>,
}

/// A change and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Place {
    pub(crate) change: i64,
    pub(crate) digest: String,
}

/// A head and when it was seen.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) change: i64,
    pub(crate) digest: String,
    /// In microseconds since 1970.
    pub(crate) at_us: i64,
}

/// What is remembered; none: nothing yet. The error says why it cannot be told.
pub(crate) fn read(data: &Path) -> Result<Option<Heads>, String> {
    match fs::read(data.join("audit.heads")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| error.to_string()),
    }
}
