//! What an integrity check finds: each thing that is not as it should be, since when, and what becomes of it.

mod kind;

use serde::{Deserialize, Serialize};

pub use kind::{BadFindingKind, BadGravity, FindingKind, Gravity};

use crate::{BulletinId, LocationId, PackageId, Timestamp, UpdateId, named::names};

/// What has become of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing was done about it.
    Open,
    /// A dry run: the remedy says what would be done.
    Planned,
    /// A job was ordered that looks closer, or mends it.
    Ordered,
    /// It was tried to mend it, and it is still there.
    Stays,
    /// Mended.
    Mended,
    /// Moved to quarantine, where it is kept for its time.
    SetAside,
    /// The database has it again.
    Adopted,
    /// Nobody needed it; it is gone.
    Cleared,
}

names!(
    Outcome,
    BadOutcome,
    "an outcome of a finding",
    Open = "open",
    Planned = "planned",
    Ordered = "ordered",
    Stays = "stays",
    Mended = "mended",
    SetAside = "set-aside",
    Adopted = "adopted",
    Cleared = "cleared"
);

impl Outcome {
    /// Whether the finding is still there.
    #[must_use]
    pub fn remains(self) -> bool {
        matches!(self, Self::Open | Self::Planned | Self::Ordered | Self::Stays)
    }
}

/// Who will do something about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DoneBy {
    /// An integrity check with `repair`.
    Repair,
    /// The server, by itself, when its time has come.
    Clock,
    /// Nobody but a person.
    Nobody,
}

names!(DoneBy, BadDoneBy, "who does something about a finding", Repair = "repair", Clock = "clock", Nobody = "nobody");

/// One thing that an integrity check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How bad that is.
    pub gravity: Gravity,
    /// The package, if it is about one.
    pub package: Option<PackageId>,
    /// Its version.
    pub version: Option<u64>,
    /// The update.
    pub update: Option<UpdateId>,
    /// The vendor's key of the update.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub update_key: String,
    /// The bulletin.
    pub bulletin: Option<BulletinId>,
    /// The bulletin's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bulletin_name: String,
    /// The package location.
    pub location: Option<LocationId>,
    /// Where on the server.
    pub path: String,
    /// What must be there.
    pub expected: String,
    /// What is.
    pub found: String,
    /// Since when: the first check that found it, as long as every check since has found it again.
    pub since: Timestamp,
    /// Names of the policies that need the package.
    #[serde(default)]
    pub policies: Vec<String>,
    /// Package servers that hold it.
    #[serde(default)]
    pub package_servers: Vec<String>,
    /// What has become of it.
    pub outcome: Outcome,
    /// The same in words: the version that mends it, where it was set aside, why it stays.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub became: String,
    /// Who will do something about it.
    pub by: DoneBy,
    /// What will be done about it.
    pub remedy: String,
    /// The command that does it.
    pub command: String,
}

impl Finding {
    /// Whether it makes a check end with problems: it is still there, more than a note, and no job was ordered that looks
    /// closer and says itself what it finds.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.outcome.remains() && self.outcome != Outcome::Ordered && self.gravity != Gravity::Note
    }
}
