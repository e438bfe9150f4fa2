//! What a finding says: where it is, whom it hits, what will be done about it, and the command that does it.

use patchwharf_db::findings::Settled;
use patchwharf_model::{
    BulletinId, LocationId, PackageId, Timestamp, UpdateId,
    finding::{DoneBy, Finding, FindingKind, Gravity, Outcome},
};

use super::judge::Draft;

/// When the clock does what `--repair` does at once.
const WITHIN_THE_HOUR: &str = " within the hour";

/// What `--repair` would do.
pub(super) fn planned(finding: &Finding) -> String {
    finding.remedy.replace(WITHIN_THE_HOUR, "")
}

/// What is known of a package beyond its row.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) update: UpdateId,
    pub(super) update_key: String,
    pub(super) bulletin: Option<BulletinId>,
    pub(super) bulletin_name: String,
    pub(super) policies: Vec<String>,
    /// When what failed before is tried again by itself.
    pub(super) next_try_at: Option<Timestamp>,
}

/// A finding of a location as a whole, or of something in it that is no version; `path` is relative to it.
pub(super) fn of_location(
    kind: FindingKind,
    location: LocationId,
    path: &str,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Draft {
    let (expected, found) = (expected.into(), found.into());
    Draft { kind, path: path.to_owned(), version: None, location: Some(location), expected, found, stamp: None }
}

/// The finding that a draft becomes; `root` is the path of its location.
pub(super) fn finding(draft: Draft, root: &str, about: Option<&About>, since: Timestamp) -> Finding {
    let path = if draft.path.is_empty() { root.to_owned() } else { format!("{root}/{}", draft.path) };
    let package = draft.version.map(|(package, _)| package);
    let Remedy { by, text, command } =
        remedy(draft.kind, package, draft.location, &path, about.and_then(|about| about.next_try_at));
    Finding {
        kind: draft.kind,
        gravity: draft.kind.gravity(),
        package,
        version: draft.version.map(|(_, version)| version),
        update: about.map(|about| about.update),
        update_key: about.map(|about| about.update_key.clone()).unwrap_or_default(),
        bulletin: about.and_then(|about| about.bulletin),
        bulletin_name: about.map(|about| about.bulletin_name.clone()).unwrap_or_default(),
        location: draft.location,
        path,
        expected: draft.expected,
        found: draft.found,
        since,
        policies: about.map(|about| about.policies.clone()).unwrap_or_default(),
        // Package servers do not report what they hold yet.
        package_servers: Vec::new(),
        outcome: Outcome::Open,
        became: String::new(),
        by,
        remedy: text,
        command,
    }
}

/// What has become of a finding; what is done about it further is as it was, or nothing when it is gone.
pub(super) fn settled(key: &str, finding: &Finding, outcome: Outcome, became: impl Into<String>) -> Settled {
    let (remedy, command) = match outcome.remains() {
        true => (finding.remedy.clone(), finding.command.clone()),
        false => (String::new(), String::new()),
    };
    Settled { key: key.to_owned(), outcome, became: became.into(), by: finding.by, remedy, command }
}

/// What will be done, by whom, and by which command at once.
#[derive(Debug)]
pub(super) struct Remedy {
    pub(super) by: DoneBy,
    pub(super) text: String,
    pub(super) command: String,
}

impl Remedy {
    pub(super) fn new(by: DoneBy, text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { by, text: text.into(), command: command.into() }
    }
}

fn remedy(
    kind: FindingKind,
    package: Option<PackageId>,
    location: Option<LocationId>,
    path: &str,
    next_try_at: Option<Timestamp>,
) -> Remedy {
    use DoneBy::{Clock, Nobody, Repair};
    use FindingKind as Kind;
    let of = match (package, location) {
        (Some(package), _) => format!("--package {package}"),
        (None, Some(location)) => format!("--location {location}"),
        (None, None) => String::new(),
    };
    let mend = format!("patchwharf job run integrity-check {of} --repair");
    let reconcile = "patchwharf store reconcile";
    let quoted = quote(path);
    let soon = |what: &str| format!("{what}{WITHIN_THE_HOUR}");
    match kind {
        Kind::PackageUnproved => Remedy::new(
            Nobody,
            "add its feed again under the name that it had and import it: a catalogue that names the same digests proves it; \
             or let `store rebuild --trust` believe the key that signed it",
            "patchwharf feed list",
        ),
        Kind::LocationClosed => Remedy::new(
            Nobody,
            "bring its disk or folder back; its packages are as they were left, and nothing is done to them meanwhile",
            format!("mount {quoted}"),
        ),
        Kind::LocationUnreadable => {
            Remedy::new(Nobody, "bring the location back, or repair its file system", format!("ls -la {quoted}"))
        }
        Kind::FileUnproved => {
            let text = "its bytes are hashed by a full check";
            Remedy::new(Clock, text, format!("patchwharf job run integrity-check {of}"))
        }
        Kind::FileOpen | Kind::FileClosed => {
            Remedy::new(Repair, "it is made ours, and others cannot change it any more", mend)
        }
        Kind::FolderOpen | Kind::FolderClosed => {
            Remedy::new(Repair, "it is made ours, and others cannot change it any more", mend)
        }
        Kind::FileExtra => Remedy::new(Repair, "it goes to quarantine", mend),
        Kind::FolderTwice => {
            Remedy::new(Repair, "this copy goes to quarantine when the one that the database has is whole", mend)
        }
        Kind::OriginalMissing => Remedy::new(Clock, "it is not offered for a way back any more", reconcile),
        Kind::RowLost => Remedy::new(Clock, soon("it is proved and taken back"), reconcile),
        Kind::FolderOrphan => Remedy::new(Clock, soon("it goes to quarantine"), reconcile),
        Kind::FolderForeign => Remedy::new(
            Nobody,
            "another server has made it: it is never touched; move it away",
            format!("mv -n {quoted} /var/tmp/"),
        ),
        Kind::FolderEmpty => Remedy::new(Clock, soon("it is removed"), reconcile),
        Kind::FileForeign => {
            Remedy::new(Nobody, "it is not ours and never touched: move it away", format!("mv -n {quoted} /var/tmp/"))
        }
        Kind::StagingLeftover => Remedy::new(Clock, soon("it is cleared"), reconcile),
        Kind::RowAbandoned => Remedy::new(Clock, soon("its row is set right"), reconcile),
        Kind::DeletionUnfinished => Remedy::new(Clock, "it is tried again every hour", reconcile),
        Kind::Quarantined => Remedy::new(Clock, "it goes when its time is over and its package is proved", reconcile),
        Kind::PackageUnused => {
            let command = package.map_or_else(String::new, |id| format!("patchwharf package delete {id} --dry-run"));
            let text = "it may be deleted; `patchwharf job run delete-unused` takes all such packages by the rules that are set";
            Remedy::new(Nobody, text, command)
        }
        _ => match next_try_at {
            Some(at) => Remedy::new(Clock, format!("a quick refresh is tried again at {at}"), mend),
            None => Remedy::new(
                Repair,
                "a quick refresh: what is bad is fetched aside, proved, and takes its place in the next version",
                mend,
            ),
        },
    }
}

/// Whether nobody but a person does anything about it, and nothing becomes worse meanwhile.
pub(super) fn waits_for_a_person(kind: FindingKind) -> bool {
    matches!(kind, FindingKind::FileForeign | FindingKind::FolderForeign | FindingKind::DeletionUnfinished)
}

/// Whether a quick refresh of its package mends it.
pub(super) fn is_mended_by_refresh(finding: &Finding) -> bool {
    use FindingKind as Kind;
    match finding.kind {
        Kind::LocationClosed | Kind::LocationUnreadable | Kind::FileUnproved => false,
        Kind::ManifestMissing
        | Kind::ManifestUnreadable
        | Kind::ManifestUnsigned
        | Kind::ManifestForeign
        | Kind::ManifestOfAnother => true,
        kind => kind.gravity() == Gravity::Damage,
    }
}

/// A path as a shell takes it.
pub(super) fn quote(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn every_kind_says_what_will_be_done_and_by_which_command() {
        for kind in FindingKind::ALL {
            let draft = Draft {
                kind: *kind,
                path: "some folder/it's".into(),
                version: Some((PackageId::new(), 1)),
                location: Some(LocationId::new()),
                expected: String::new(),
                found: String::new(),
                stamp: None,
            };
            let finding = finding(draft, "/srv", None, Timestamp::UNIX_EPOCH);
            assert!(!finding.remedy.is_empty() && !finding.command.is_empty(), "{finding:?}");
            let is_ours = finding.command.starts_with("patchwharf ");
            if is_ours && !finding.command.contains('\'') {
                let words = finding.command.split_whitespace();
                let parsed = crate::cli::Cli::try_parse_from(words);
                assert!(parsed.is_ok(), "{}: {:?}", finding.command, parsed.err().map(|e| e.to_string()));
            }
        }
    }

    #[test]
    fn paths_are_quoted_for_the_shell() {
        assert_eq!(quote("/srv/packages/a.exe"), "/srv/packages/a.exe");
        assert_eq!(quote("/srv/it's here"), r"'/srv/it'\''s here'");
        assert_eq!(quote("$(reboot)"), "'$(reboot)'");
    }
}
