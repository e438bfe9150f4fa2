//! What can go wrong with a download.

/// What can go wrong with a download: what on what, why, what next.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody says where the file is.
    #[error("{name} has no URL; fetch it by hand and give it with `patchwharf package supply`")]
    NoSource {
        /// The file.
        name: String,
    },
}

impl FetchError {
    /// Stable code for API, reports and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSource { .. } => "no-source",
        }
    }
}
