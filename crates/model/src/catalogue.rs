//! What the isolated parser process writes on its pipe: length-framed JSON, one frame per value.
//!
//! A frame is a 4-byte big-endian length and that many bytes of JSON. A stream that does not end with
//! [`Frame::End`] is worth nothing: the import is dropped as a whole.

use serde::{Deserialize, Serialize};

use crate::{Severity, Timestamp, update::UpdateItem};

/// The largest frame that the parent accepts, in bytes.
pub const MAX_FRAME_BYTES: u32 = 16 * 1024 * 1024;

/// One message of the parser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "kebab-case")]
pub enum Frame {
    /// First: what the catalogue says of itself.
    Head(CatalogueHead),
    /// One update.
    Update(Box<UpdateItem>),
    /// What an advisory says of a bulletin (apt with `--advisories`).
    Bulletin(BulletinInfo),
    /// An entry that was refused, and why. The rest goes on.
    Rejected(Rejected),
    /// Last: how many updates were written.
    End {
        /// Number of [`Frame::Update`] frames written.
        updates: u64,
        /// Number of [`Frame::Rejected`] frames written.
        rejected: u64,
    },
    /// Instead of `End`: the catalogue as a whole is refused.
    Failed {
        /// A stable code such as `signature-missing`, `expired`, `truncated`.
        code: String,
        /// What was wrong with what, where, and what to do.
        message: String,
    },
}

/// What a catalogue says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogueHead {
    /// When the vendor made it (apt `Date`; newest CreationDate of an SDP catalogue is not known up front).
    pub date: Option<Timestamp>,
    /// Until when it may be believed (apt `Valid-Until`).
    pub valid_until: Option<Timestamp>,
    /// Who signed it: fingerprints of primary keys.
    pub signed_by: Vec<String>,
}

/// Facts about a bulletin as a whole that no single update carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulletinInfo {
    /// The bulletin's key in the feed.
    pub key: String,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Severity.
    pub severity: Severity,
    /// CVE names.
    pub cves: Vec<String>,
    /// First released.
    pub released: Option<Timestamp>,
    /// Key of the bulletin that takes its place, where the fixed version has left the archive.
    pub superseded_by: Option<String>,
}

/// A refused entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rejected {
    /// What was refused, by the name that the catalogue gives it, or its place.
    pub item: String,
    /// Why.
    pub reason: String,
}
