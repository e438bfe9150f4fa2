//! Why a catalogue as a whole is refused.

use std::io;

/// The receiver of the frames will not take more.
#[derive(Debug, thiserror::Error)]
#[error("the receiver of the catalogue's entries stopped")]
pub struct SinkError(#[source] pub io::Error);

/// Why a catalogue as a whole is refused. `what` is its name or that of the member in which the fault lies, `offset`
/// the number of bytes before the place where it was seen.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The bytes could not be had.
    #[error("could not read {what} at byte {offset}")]
    Read {
        /// What was read.
        what: String,
        /// How far it went.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The bytes end before the thing does.
    #[error("{what} is cut off at byte {offset}: fetch it again")]
    Truncated {
        /// What is cut off.
        what: String,
        /// Where.
        offset: u64,
    },
    /// It does not follow its format.
    #[error("{what} is broken at byte {offset}: {reason}")]
    Malformed {
        /// What is broken.
        what: String,
        /// Where.
        offset: u64,
        /// How.
        reason: String,
    },
    /// A checksum or digest inside it does not match.
    #[error("{what} is damaged at byte {offset}: {reason}; fetch it again")]
    Damaged {
        /// What is damaged.
        what: String,
        /// Where.
        offset: u64,
        /// Which sum, expected and found.
        reason: String,
    },
    /// It asks for more than [`Limits`](crate::Limits) allow.
    #[error("{what} is refused at byte {offset}: {limit} is more than the limit of {allowed}")]
    Limit {
        /// What is refused.
        what: String,
        /// Where.
        offset: u64,
        /// What there is too much of, as in `nesting of elements`.
        limit: &'static str,
        /// How much of it is allowed.
        allowed: u64,
    },
    /// It is well made, but of a kind that is not read (or never read: a document type declaration).
    #[error("{what} is refused: {reason}")]
    Unsupported {
        /// What is refused.
        what: String,
        /// Why, and the way out.
        reason: String,
    },
    /// It is no longer to be believed, or not yet.
    #[error("{what} is refused: {reason}")]
    Expired {
        /// What is refused.
        what: String,
        /// Its dates and ours.
        reason: String,
    },
    /// The receiver of the frames stopped.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl FeedError {
    /// The stable code of this error, for [`Frame::Failed`](patchwharf_model::catalogue::Frame::Failed).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Truncated { .. } => "truncated",
            Self::Malformed { .. } => "malformed",
            Self::Damaged { .. } => "damaged",
            Self::Limit { .. } => "limit",
            Self::Unsupported { .. } => "unsupported",
            Self::Expired { .. } => "expired",
            Self::Sink(_) => "stopped",
        }
    }

    /// An error of reading `what` at `offset`. One that a reader of this crate wrapped on its way through
    /// [`std::io::Read`] comes out as it was.
    #[must_use]
    pub fn from_io(what: &str, offset: u64, source: io::Error) -> Self {
        match source.downcast::<Self>() {
            Ok(own) => own,
            Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Truncated { what: what.to_owned(), offset }
            }
            Err(source) => Self::Read { what: what.to_owned(), offset, source },
        }
    }
}

impl From<FeedError> for io::Error {
    fn from(error: FeedError) -> Self {
        Self::other(error)
    }
}
