//! The kinds of findings, worst first.

use serde::{Deserialize, Serialize};

use crate::named::names;

/// How bad a finding is; worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gravity {
    /// A package, or part of it, cannot be had.
    Damage,
    /// It can be had, but something that protects it is gone.
    Danger,
    /// Something lies or stands there that nobody needs.
    Leftover,
    /// Nothing is wrong; it is good to know. Notes never make a check end with problems.
    Note,
}

names!(
    Gravity,
    BadGravity,
    "the gravity of a finding",
    Damage = "damage",
    Danger = "danger",
    Leftover = "leftover",
    Note = "note"
);

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal: $gravity:ident),+ $(,)?) => {
        /// What an integrity check can find. The order is from the worst to the least.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum FindingKind {
            $($(#[$doc])* #[serde(rename = $name)] $kind),+
        }

        names!(FindingKind, BadFindingKind, "a kind of finding", $($kind = $name),+);

        impl FindingKind {
            /// How bad it is.
            #[must_use]
            pub fn gravity(self) -> Gravity {
                match self { $(Self::$kind => Gravity::$gravity),+ }
            }
        }
    };
}

kinds! {
    /// A package location is not open (disk unmounted, folder deleted): nothing of it could be looked at.
    LocationClosed = "location-closed": Damage,
    /// A package location cannot be read as a whole.
    LocationUnreadable = "location-unreadable": Damage,
    /// The database has a version, the disk has no folder of it.
    FolderMissing = "folder-missing": Damage,
    /// Something else lies in the place of a version's folder: a link, a mount point, a file.
    FolderIsNoFolder = "folder-is-no-folder": Damage,
    /// A version's folder cannot be read.
    FolderUnreadable = "folder-unreadable": Damage,
    /// A file is not there.
    FileMissing = "file-missing": Damage,
    /// A file has the right length and other bytes.
    FileChanged = "file-changed": Damage,
    /// A file is shorter.
    FileTruncated = "file-truncated": Damage,
    /// A file is longer.
    FileTooLong = "file-too-long": Damage,
    /// A symbolic link lies in the place of a file.
    FileIsLink = "file-is-link": Damage,
    /// A folder, pipe, device or mount point lies in the place of a file.
    FileIsNoFile = "file-is-no-file": Damage,
    /// A file cannot be read.
    FileUnreadable = "file-unreadable": Damage,
    /// A file changes while it is read.
    FileUnsteady = "file-unsteady": Damage,
    /// The signed manifest and the database disagree: a file and its row were changed together, or one of the two.
    ManifestDisagrees = "manifest-disagrees": Damage,
    /// Light check: length or time stamps are not those of the last proof; its bytes are to be hashed.
    FileUnproved = "file-unproved": Danger,
    /// A version has no manifest.
    ManifestMissing = "manifest-missing": Danger,
    /// Its manifest cannot be read, or is none.
    ManifestUnreadable = "manifest-unreadable": Danger,
    /// Its manifest was changed: the signature does not fit.
    ManifestUnsigned = "manifest-unsigned": Danger,
    /// Its manifest is signed by another server's key.
    ManifestForeign = "manifest-foreign": Danger,
    /// A package whose rows were made again from its manifest, and whose digests nobody vouches for yet: it is not served.
    PackageUnproved = "package-unproved": Danger,
    /// Its manifest is that of another package or version.
    ManifestOfAnother = "manifest-of-another": Danger,
    /// Others than the server may change a file: its owner or mode.
    FileOpen = "file-open": Danger,
    /// The server may not read a file, or could not without being root: its mode.
    FileClosed = "file-closed": Danger,
    /// Others than the server may change a folder: its owner or mode.
    FolderOpen = "folder-open": Danger,
    /// The server may not enter a folder, or could not without being root: its mode.
    FolderClosed = "folder-closed": Danger,
    /// A version's folder holds something that is not part of it.
    FileExtra = "file-extra": Danger,
    /// A version lies at a location that is not the one that the database has for it.
    FolderTwice = "folder-twice": Danger,
    /// An original that a relocation has left behind is not there any more.
    OriginalMissing = "original-missing": Leftover,
    /// A folder made and signed by this server, of a version that the database has lost.
    RowLost = "row-lost": Leftover,
    /// A folder of a package that no row knows.
    FolderOrphan = "folder-orphan": Leftover,
    /// A folder of a package that another server has made.
    FolderForeign = "folder-foreign": Leftover,
    /// A package's folder without a version in it.
    FolderEmpty = "folder-empty": Leftover,
    /// Something in a package location that is no part of it.
    FileForeign = "file-foreign": Leftover,
    /// Something in `.staging` that nobody waits for.
    StagingLeftover = "staging-leftover": Leftover,
    /// A row that nobody needs: a version that a job began and nobody will finish, or a retired one without its folder.
    RowAbandoned = "row-abandoned": Leftover,
    /// A version that is being deleted and cannot be unlinked.
    DeletionUnfinished = "deletion-unfinished": Leftover,
    /// Something in quarantine, kept for its time.
    Quarantined = "quarantined": Note,
    /// A package that nothing uses: superseded, withdrawn or disabled, and in no policy.
    PackageUnused = "package-unused": Note,
}

impl FindingKind {
    /// Whether only a look at a file's bytes can say it: a light check, which reads none, neither finds nor denies it.
    #[must_use]
    pub fn needs_bytes(self) -> bool {
        matches!(self, Self::FileChanged | Self::FileUnreadable | Self::FileUnsteady | Self::ManifestDisagrees)
    }

    /// Whether it is about a manifest, or what it tells.
    #[must_use]
    pub fn is_of_manifest(self) -> bool {
        matches!(
            self,
            Self::ManifestDisagrees
                | Self::ManifestMissing
                | Self::ManifestUnreadable
                | Self::ManifestUnsigned
                | Self::ManifestForeign
                | Self::ManifestOfAnother
        )
    }

    /// Whether it is about what a version must hold, and not about what lies or stands there besides.
    #[must_use]
    pub fn is_of_contents(self) -> bool {
        let of_location = matches!(self, Self::LocationClosed | Self::LocationUnreadable);
        let of_place = matches!(self, Self::FileExtra | Self::FolderTwice | Self::PackageUnproved);
        self.gravity() <= Gravity::Danger && !of_location && !of_place
    }

    /// Its place from the worst (0) to the least.
    #[must_use]
    pub fn rank(self) -> u32 {
        self as u32
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kinds_are_ordered_from_damage_to_notes() {
        assert!(FindingKind::ALL.windows(2).all(|two| two[0].gravity() <= two[1].gravity() && two[0] < two[1]));
        assert!(FindingKind::ALL.iter().enumerate().all(|(at, kind)| kind.rank() as usize == at));
    }

    #[test]
    fn the_name_in_json_is_the_name_in_text() {
        for kind in FindingKind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
            assert_eq!(kind.to_string().parse::<FindingKind>().unwrap(), *kind);
        }
    }
}
