//! Parsing catalogues in a process of its own.
//!
//! Catalogues come from outside and are large and strange. The server runs itself again as `patchwharf parse-feed`,
//! which gives up what it does not need (memory, processor time, new files, new processes, the network), reads the
//! files that the server fetched, checks OpenPGP signatures, and writes length-framed JSON on its standard output. A
//! parser that dies, runs away or fills its memory costs one import.

mod apt;
mod confine;
mod frames;
mod process;
mod run;

use camino::Utf8PathBuf;
use patchwharf_model::{Sha256, Timestamp};
use serde::{Deserialize, Serialize};

pub use process::{Parser, ParserError};
pub use run::run;

/// What the parser may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParserLimits {
    /// Address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time, in seconds.
    pub cpu_seconds: u64,
    /// Time by the clock, in seconds.
    pub wall_seconds: u64,
}

/// What the parser is given on its standard input.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    limits: ParserLimits,
    request: ParseRequest,
}

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "read", rename_all = "kebab-case")]
pub enum ParseRequest {
    /// An SDP catalogue: answered by frames.
    Sdp {
        /// What errors call it.
        name: String,
        /// Where it lies.
        file: Utf8PathBuf,
    },
    /// The signed `Release` of an apt archive: answered by one [`Release`].
    Release(AptRelease),
    /// An apt archive: answered by frames.
    Apt {
        /// Its signed `Release`; it is checked again.
        release: AptRelease,
        /// URL of the folder that holds `dists` and `pool`.
        base_url: String,
        /// Its indexes, fetched; their digests are checked again.
        indexes: Vec<AptIndex>,
        /// A DSA list or OSV archive.
        advisories: Option<Utf8PathBuf>,
    },
}

/// A signed `Release`, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AptRelease {
    /// `InRelease`, or `Release` when there is a signature beside it.
    pub file: Utf8PathBuf,
    /// `Release.gpg`.
    pub signature: Option<Utf8PathBuf>,
    /// The pinned keyring, base64.
    pub keyring: String,
    /// Fingerprints of primary keys, one of which must have signed; empty: any of the keyring.
    pub keys: Vec<String>,
    /// The suite that was asked for.
    pub suite: String,
    /// Components that are wanted.
    pub components: Vec<String>,
    /// Architectures that are wanted.
    pub architectures: Vec<String>,
    /// The time.
    pub now: Timestamp,
    /// The date of the one that was imported before; an older one is refused.
    pub held: Option<Timestamp>,
}

/// A fetched index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AptIndex {
    /// Its path as `Release` names it.
    pub path: String,
    /// Where it lies.
    pub file: Utf8PathBuf,
}

/// What a good `Release` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// When it was made.
    pub date: Timestamp,
    /// Until when it may be believed.
    pub valid_until: Option<Timestamp>,
    /// For each wanted component and architecture the forms in which its index can be had, the smallest first.
    pub indexes: Vec<Vec<IndexForm>>,
}

/// One form of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexForm {
    /// Path below the folder of `Release`.
    pub path: String,
    /// The path that never changes its content, where the archive offers it.
    pub by_hash: Option<String>,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Digest of the bytes as fetched.
    pub sha256: Sha256,
}
