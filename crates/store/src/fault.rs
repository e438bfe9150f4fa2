//! Named steps at which a crash test can stop, kill or fail the process, and seeded mutants.
//!
//! Without the cargo feature `faults` every call here is a constant and the names are not in the binary.
//! With it, `PATCHWHARF_FAULT=<step>:<panic|error|sleep-MS|kill|stop|spin|fill>[:<n-th time>]` (several: comma-separated)
//! and `PATCHWHARF_MUTANT=<name>` (several: comma-separated) choose what goes wrong.

#[cfg(feature = "faults")]
mod armed;

use std::io;

macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$vdoc])* $variant),+ }

        impl $type {
            /// All of them, in the order in which an operation meets them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name used in the environment.
            #[cfg(any(feature = "faults", test))]
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

named!(
    /// A place in an operation at which it can be interrupted.
    Step {
        /// Before bytes of a download reach the disk.
        StageBeforeWrite = "stage.before-write",
        /// After a piece of a download was written, before it is durable.
        StageAfterWrite = "stage.after-write",
        /// After a checkpoint of a download became durable.
        StageAfterFsync = "stage.after-fsync",
        /// A download is whole and proved; nothing is placed yet.
        StageAfterVerify = "stage.after-verify",
        /// Before the files of new versions are built in `.staging`.
        PlaceBeforeBuild = "place.before-build",
        /// Built, nothing durable yet.
        PlaceBeforeFsync = "place.before-fsync",
        /// Everything durable under its temporary name.
        PlaceBeforeRename = "place.before-rename",
        /// Some versions have their names, the parents are not durable yet.
        PlaceAfterRename = "place.after-rename",
        /// Names are durable; the database knows nothing yet.
        PlaceAfterFsync = "place.after-fsync",
        /// The disk could not make something durable; nobody has thrown it away yet.
        SyncAfterError = "sync.after-error",
        /// Before the database learns of placed versions.
        CommitBefore = "commit.before",
        /// After it did.
        CommitAfter = "commit.after",
        /// The next version is on disk, the row still points at the old one.
        RefreshBeforeSwitch = "refresh.before-switch",
        /// The row points at the next version, the old one is not retired yet.
        RefreshAfterSwitch = "refresh.after-switch",
        /// The package under its new GUID is on disk, the old one is still current.
        RecreateBeforeSwitch = "recreate.before-switch",
        /// The new GUID is current, the old one not yet retired.
        RecreateAfterSwitch = "recreate.after-switch",
        /// Packages are locked, nothing of them is copied yet.
        RelocateBeforeCopy = "relocate.before-copy",
        /// Copies are durable, nobody has read them back.
        RelocateBeforeReread = "relocate.before-reread",
        /// Copies were read back from the disk and are right; they have no names yet.
        RelocateAfterReread = "relocate.after-reread",
        /// Copies have their names at the new place, the rows still name the old one.
        RelocateBeforeSwitch = "relocate.before-switch",
        /// The rows name the new place.
        RelocateAfterSwitch = "relocate.after-switch",
        /// Originals are proved, the rows still name the place they were moved to.
        UndoBeforeSwitch = "undo.before-switch",
        /// The rows name the originals' place again.
        UndoAfterSwitch = "undo.after-switch",
        /// The copies are proved in this run, their originals are on record.
        PruneBeforeTake = "prune.before-take",
        /// Originals are off the record, their files are untouched.
        PruneBeforeUnlink = "prune.before-unlink",
        /// Between two unlinked files of an original.
        PruneMidUnlink = "prune.mid-unlink",
        /// Originals are gone, the proofs of what shared their inodes are not yet up to date.
        PruneAfterUnlink = "prune.after-unlink",
        /// They are.
        PruneAfterRow = "prune.after-row",
        /// An adoption knows which files of the foreign folder are wanted; nothing is taken yet.
        AdoptAfterSearch = "adopt.after-search",
        /// Before an adoption plans the packages of some updates.
        AdoptBeforeTake = "adopt.before-take",
        /// Those packages are recorded, the next ones are not begun.
        AdoptAfterTake = "adopt.after-take",
        /// A file that was sent is durable in the data folder, no job knows of it.
        SupplyAfterReceive = "supply.after-receive",
        /// It is the right one, and still among the uploads.
        SupplyBeforeKeep = "supply.before-keep",
        /// It is kept under its digest, and staged nowhere.
        SupplyAfterKeep = "supply.after-keep",
        /// Before something bad is set aside.
        QuarantineBeforeRename = "quarantine.before-rename",
        /// It is aside, not yet durable.
        QuarantineAfterRename = "quarantine.after-rename",
        /// Before rows are marked as deleting.
        DeleteBeforeMark = "delete.before-mark",
        /// Marked; files untouched.
        DeleteAfterMark = "delete.after-mark",
        /// Between two unlinked files of a version.
        DeleteMidUnlink = "delete.mid-unlink",
        /// Files are gone, the row is still there.
        DeleteAfterUnlink = "delete.after-unlink",
        /// The row is gone.
        DeleteAfterRow = "delete.after-row",
        /// Before the parser process is started.
        ImportBeforeParse = "import.before-parse",
        /// In the parser's own process, before it writes a frame.
        ImportMidParse = "import.mid-parse",
        /// After a batch of an import was written.
        ImportAfterBatch = "import.after-batch",
        /// What lists will show of some bulletins is counted, the generation is not current yet.
        ImportAfterCount = "import.after-count",
        /// The catalogue is written and counted, its generation is not current yet.
        ImportBeforeSwitch = "import.before-switch",
        /// Its generation is current.
        ImportAfterSwitch = "import.after-switch",
        /// Before start-up reconciliation changes anything.
        ReconcileBefore = "reconcile.before",
        /// Start-up reconciliation has cleared `.staging`, the database is not touched yet.
        ReconcileAfterStaging = "reconcile.after-staging",
        /// Start-up reconciliation is done.
        ReconcileAfter = "reconcile.after",
        /// An integrity check has looked at versions and written nothing of it yet.
        IntegrityBeforeWrite = "integrity.before-write",
        /// Results and findings are written.
        IntegrityAfterWrite = "integrity.after-write",
        /// Everything is compared and proved; nothing is mended yet.
        IntegrityBeforeRepair = "integrity.before-repair",
        /// Packages are mended, the findings do not say so yet.
        IntegrityAfterRepair = "integrity.after-repair",
        /// A backup has a content aside, under no name yet.
        BackupAfterCopy = "backup.after-copy",
        /// The contents of a backup are there, its database is not.
        BackupBeforeSnapshot = "backup.before-snapshot",
        /// A backup's copy of the database is there.
        BackupAfterSnapshot = "backup.after-snapshot",
        /// Everything of a backup is there but its signed description.
        BackupBeforeManifest = "backup.before-manifest",
        /// The backup is whole.
        BackupAfterManifest = "backup.after-manifest",
        /// A restore has put keys and configuration back, and no package.
        RestoreAfterSecrets = "restore.after-secrets",
        /// A restore has put the packages back, and no database.
        RestoreAfterPackages = "restore.after-packages",
        /// A restore has put the database back, as it was on the old host.
        RestoreAfterDatabase = "restore.after-database",
        /// The database knows where everything is now; the restore is not yet declared whole.
        RestoreBeforeDone = "restore.before-done",
        /// A rebuild knows what it will take; nothing is recorded.
        RebuildBeforeRows = "rebuild.before-rows",
        /// A batch of rows is made again.
        RebuildAfterRows = "rebuild.after-rows",
        /// All rows are there; the locations are still another deployment's.
        RebuildBeforeMarker = "rebuild.before-marker",
        /// The locations are ours; the rebuild is not yet declared whole.
        RebuildAfterMarker = "rebuild.after-marker",
        /// A worker took a job, nothing was done.
        JobAfterClaim = "job.after-claim",
        /// A job's work is done, its row not yet final.
        JobBeforeFinish = "job.before-finish",
        /// The row is final.
        JobAfterFinish = "job.after-finish",
    }
);

named!(
    /// A bug planted on purpose; each must be caught by a test.
    Mutant {
        /// Files are not made durable.
        NoFileFsync = "no-file-fsync",
        /// Folders are not made durable.
        NoDirFsync = "no-dir-fsync",
        /// A failed fsync is made again until it succeeds.
        FsyncAgain = "fsync-again",
        /// The database row comes before the rename.
        RowFirst = "row-first",
        /// The old version goes before the new one is committed.
        DeleteFirst = "delete-first",
        /// SQLite runs at `synchronous=NORMAL`.
        SyncNormal = "sync-normal",
        /// Files are served without a look at their proof.
        ServeUnverified = "serve-unverified",
        /// Downloads are not cut at the pinned length.
        NoLengthCap = "no-length-cap",
        /// Redirects are followed without checking the address.
        RedirectUnchecked = "redirect-unchecked",
        /// Retired versions go without a grace period.
        DeleteWithoutLease = "delete-without-lease",
        /// Copies at the new place are read back from the cache.
        RereadFromCache = "reread-from-cache",
        /// The row names the new place before the copy has its name there.
        SwitchFirst = "switch-first",
        /// An original goes without a look at its copy.
        PruneUnproved = "prune-unproved",
    }
);

/// Does at this step what the environment asks for; nothing without the feature `faults`.
///
/// # Errors
/// Only with the feature `faults` and the action `error`.
#[inline]
pub fn at(step: Step) -> io::Result<()> {
    #[cfg(feature = "faults")]
    return armed::at(step);
    #[cfg(not(feature = "faults"))]
    {
        let _ = step;
        Ok(())
    }
}

/// What a child process needs in its environment to meet the same faults; nothing without the feature `faults`.
#[must_use]
pub fn environment() -> Option<(&'static str, String)> {
    #[cfg(feature = "faults")]
    return armed::environment();
    #[cfg(not(feature = "faults"))]
    None
}

/// Whether a planted bug is switched on; never without the feature `faults`.
#[inline]
#[must_use]
pub fn mutant(mutant: Mutant) -> bool {
    #[cfg(feature = "faults")]
    return armed::mutant(mutant);
    #[cfg(not(feature = "faults"))]
    {
        let _ = mutant;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_of_steps_and_mutants_are_unique() {
        let steps: HashSet<_> = Step::ALL.iter().map(|s| s.name()).collect();
        assert_eq!(steps.len(), Step::ALL.len());
        let mutants: HashSet<_> = Mutant::ALL.iter().map(|m| m.name()).collect();
        assert_eq!(mutants.len(), Mutant::ALL.len());
    }
}
