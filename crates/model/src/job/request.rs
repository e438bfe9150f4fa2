//! What a job is asked to do: the payload of a job row, a closed schema per kind.

use serde::{Deserialize, Serialize};

use super::JobKind;
use crate::{BulletinId, DailyHours, FeedId, LocationId, PackageId, Timestamp, UnusedAfter, UpdateId, api::FeedRules};

/// What an operation works on. Filters are resolved to ids when the job is asked for, so that a job never grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// Every live update of these bulletins (superseded and withdrawn ones are left out).
    Bulletins(Vec<BulletinId>),
    /// These updates.
    Updates(Vec<UpdateId>),
    /// These packages.
    Packages(Vec<PackageId>),
    /// Every package of the store.
    All,
}

/// What an integrity check is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrityCheck {
    /// Which packages. With `All` everything that lies in the package locations is looked at, also what is no package.
    pub of: Selection,
    /// Only what lies, or should lie, at this location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationId>,
    /// Compare length and time stamps with the last proof; hash nothing.
    #[serde(default)]
    pub light: bool,
    /// Read every file from the disk itself, not from what the kernel remembers of it.
    #[serde(default)]
    pub past_cache: bool,
    /// Mend what can be mended.
    #[serde(default)]
    pub repair: bool,
    /// With `repair`, `relocate` and `delete_unused`: only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Bytes per second that are read at most; none: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes_per_second: Option<u64>,
    /// Only in these hours of the day, by the server's local clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_between: Option<DailyHours>,
    /// Then move packages that are not at the default location there.
    #[serde(default)]
    pub relocate: bool,
    /// With `relocate`: by hard link or reflink where both are on one file system.
    #[serde(default)]
    pub link: bool,
    /// With `relocate`: stage again what is missing or damaged at the old place.
    #[serde(default)]
    pub restage: bool,
    /// Then delete packages that nothing uses, by the rules that are set.
    #[serde(default)]
    pub delete_unused: bool,
}

impl IntegrityCheck {
    /// A full check that changes nothing.
    #[must_use]
    pub fn full(of: Selection) -> Self {
        Self {
            of,
            location: None,
            light: false,
            past_cache: false,
            repair: false,
            dry_run: false,
            max_bytes_per_second: None,
            only_between: None,
            relocate: false,
            link: false,
            restage: false,
            delete_unused: false,
        }
    }
}

/// Which unused packages are to be deleted. A rule that is left out is as the settings have it when the job runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteUnused {
    /// Superseded for so long, and no enabled policy needs it (`unused.superseded-after`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_after: Option<UnusedAfter>,
    /// Its bulletin disabled for so long, and no policy refers to it (`unused.disabled-after`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_after: Option<UnusedAfter>,
    /// Staged so long ago, and no policy refers to it (`unused.without-policy-after`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_policy_after: Option<UnusedAfter>,
    /// Also packages with a file that was supplied by hand, which cannot be fetched again.
    pub also_supplied: bool,
    /// Only say what would be deleted.
    pub dry_run: bool,
}

/// How the bytes of adopted files come into packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AdoptionWay {
    /// By blocks that both files share, where the file system can; copied elsewhere. Writing to one of the two never
    /// changes the other.
    #[default]
    Share,
    /// By one more name for the file (hard link), where both lie on one file system and only the server can write to it; else
    /// as `share`. That is the same data, no second copy.
    Link,
    /// Every byte copied.
    Copy,
}

/// A job's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum JobRequest {
    /// Import patch data.
    Import {
        /// The feed.
        feed: FeedId,
        /// Take the catalogue although most of its updates have vanished.
        confirm_shrink: bool,
    },
    /// Only count what rules would take of a feed's catalogue as the vendor has it now; nothing is changed.
    /// Counts of the report: `updates`, `bulletins`, `files`, `bytes`, `left-out`; with `auto_stage` also
    /// `staged-updates` and `staged-bytes`.
    Preview {
        /// The feed.
        feed: FeedId,
        /// The rules to try; none: those of the feed.
        rules: Option<FeedRules>,
        /// Rules of what is staged after an import, to try; none: nothing is counted of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auto_stage: Option<FeedRules>,
    },
    /// Fetch, verify and place packages.
    Stage {
        /// What.
        of: Selection,
    },
    /// Stage every bulletin that is current, enabled and not downloaded.
    Download {
        /// Only say which packages, and how much there is to fetch.
        #[serde(default)]
        dry_run: bool,
    },
    /// Stage anew every package whose update the vendor has revised; policies follow by their rule.
    Revise {
        /// Only say which, and how much there is to fetch.
        #[serde(default)]
        dry_run: bool,
    },
    /// Hash packages and compare with what is recorded.
    Verify {
        /// What.
        of: Selection,
    },
    /// Verify every file and fetch only the bad ones into the next version.
    RefreshQuick {
        /// What.
        of: Selection,
    },
    /// A new package with everything fetched anew; the old one is retired after the switch.
    RefreshComplete {
        /// What.
        of: Selection,
    },
    /// A new GUID over the verified files; what does not verify is fetched.
    Recreate {
        /// What.
        of: Selection,
    },
    /// Take a file fetched by hand; it lies in the data folder's `uploads`.
    Supply {
        /// The update that needs it.
        update: UpdateId,
        /// Name in the folder `uploads` (made by the server).
        upload: String,
        /// The name by which the catalogue knows the file; none when the digest decides.
        file: Option<String>,
    },
    /// Delete packages, rows and folders.
    Delete {
        /// Which.
        packages: Vec<PackageId>,
        /// Also those that a policy needs.
        although_needed: bool,
    },
    /// Delete packages that nothing uses.
    DeleteUnused(DeleteUnused),
    /// Compare database and disk; clear what no one owns.
    Reconcile {
        /// Only say what would be done.
        dry_run: bool,
    },
    /// Compare database and store both ways, prove every byte, and mend what can be mended.
    IntegrityCheck(IntegrityCheck),
    /// Move packages to another location. The copies at the old one stay as originals until they are pruned.
    Relocate {
        /// Which packages.
        of: Selection,
        /// From here only; none: from everywhere else.
        from: Option<LocationId>,
        /// Where to.
        to: LocationId,
        /// Do not copy: give the bytes a second name by hard link or shared blocks. That is no second copy.
        link: bool,
        /// Fetch anew, at the new place, what is missing or damaged at the old one.
        restage: bool,
        /// Only look whether it can be done, and say how long it would take.
        dry_run: bool,
    },
    /// Serve versions from their originals again, without copying.
    UndoRelocation {
        /// Which packages.
        of: Selection,
        /// Where they were moved to.
        from: LocationId,
        /// Where their originals lie.
        to: LocationId,
        /// Only say what would be done.
        dry_run: bool,
    },
    /// Remove originals, each after a fresh proof of the copy that is served.
    Prune {
        /// Which packages'.
        of: Selection,
        /// Where they lie.
        location: LocationId,
        /// Only those that were left behind by then: a job never grows.
        before: Timestamp,
        /// Prove everything, remove nothing.
        dry_run: bool,
    },
    /// Take the files of a folder of the server's machine into packages, where their digests are those of known updates.
    Adopt {
        /// The folder, absolute.
        path: String,
        /// Public keys of other deployments, 64 hexadecimal digits each: what their signed manifests say of a file counts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        trust: Vec<String>,
        /// How the bytes come.
        #[serde(default)]
        way: AdoptionWay,
        /// Do not hash files that no update can need by their length: they are listed without digests.
        #[serde(default)]
        no_foreign_digests: bool,
        /// Only say what would be done.
        #[serde(default)]
        dry_run: bool,
    },
    /// Back up database, keys, configuration and packages into a folder of the server.
    Backup {
        /// The folder, absolute.
        folder: String,
        /// File on the server with the passphrase that database, keys and configuration are sealed under; none: they
        /// lie there as they are.
        passphrase_file: Option<String>,
        /// Backups that are kept; none: all.
        keep: Option<u32>,
        /// Believe what is there already by its length.
        quick: bool,
    },
}

impl JobRequest {
    /// Whether only the server that was asked can do it, of those that share a database: it names files of that machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Adopt { .. } | Self::Backup { .. })
    }

    /// Whether it only looks, and says what would be done.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        match self {
            Self::Download { dry_run }
            | Self::Revise { dry_run }
            | Self::Reconcile { dry_run }
            | Self::Relocate { dry_run, .. }
            | Self::UndoRelocation { dry_run, .. }
            | Self::Prune { dry_run, .. }
            | Self::Adopt { dry_run, .. } => *dry_run,
            Self::DeleteUnused(wish) => wish.dry_run,
            Self::IntegrityCheck(wish) => wish.dry_run,
            Self::Import { .. }
            | Self::Preview { .. }
            | Self::Stage { .. }
            | Self::Verify { .. }
            | Self::RefreshQuick { .. }
            | Self::RefreshComplete { .. }
            | Self::Recreate { .. }
            | Self::Supply { .. }
            | Self::Delete { .. }
            | Self::Backup { .. } => false,
        }
    }

    /// The kind of job that this asks for.
    #[must_use]
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Import { .. } => JobKind::Import,
            Self::Preview { .. } => JobKind::Preview,
            Self::Stage { .. } => JobKind::Stage,
            Self::Download { .. } => JobKind::Download,
            Self::Revise { .. } => JobKind::Revise,
            Self::Verify { .. } => JobKind::Verify,
            Self::RefreshQuick { .. } => JobKind::RefreshQuick,
            Self::RefreshComplete { .. } => JobKind::RefreshComplete,
            Self::Recreate { .. } => JobKind::Recreate,
            Self::Supply { .. } => JobKind::Supply,
            Self::Delete { .. } => JobKind::Delete,
            Self::DeleteUnused(_) => JobKind::DeleteUnused,
            Self::Reconcile { .. } => JobKind::Reconcile,
            Self::IntegrityCheck(_) => JobKind::IntegrityCheck,
            Self::Relocate { .. } => JobKind::Relocate,
            Self::UndoRelocation { .. } => JobKind::UndoRelocation,
            Self::Prune { .. } => JobKind::Prune,
            Self::Adopt { .. } => JobKind::Adopt,
            Self::Backup { .. } => JobKind::Backup,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_deletion_of_unused_packages_reads_back_as_it_was_written() {
        let some = DeleteUnused { superseded_after: Some("30d".parse().unwrap()), ..DeleteUnused::default() };
        let request = JobRequest::DeleteUnused(some);
        let text = serde_json::to_string(&request).unwrap();
        assert!(text.contains(r#""kind":"delete-unused""#) && text.contains(r#""superseded_after":"30d""#), "{text}");
        assert!(!text.contains("disabled_after"), "left out is as the settings have it: {text}");
        assert_eq!(serde_json::from_str::<JobRequest>(&text).unwrap(), request);
    }

    #[test]
    fn an_integrity_check_reads_back_as_it_was_written_and_knows_its_fields() {
        let check = IntegrityCheck {
            only_between: Some("22:00-05:00".parse().unwrap()),
            repair: true,
            ..IntegrityCheck::full(Selection::All)
        };
        let text = serde_json::to_string(&JobRequest::IntegrityCheck(check.clone())).unwrap();
        assert!(text.contains(r#""kind":"integrity-check""#) && text.contains("22:00-05:00"), "{text}");
        assert_eq!(serde_json::from_str::<JobRequest>(&text).unwrap(), JobRequest::IntegrityCheck(check));
        let unknown = r#"{"kind":"integrity-check","of":"all","lite":true}"#;
        assert!(serde_json::from_str::<JobRequest>(unknown).is_err());
    }
}
