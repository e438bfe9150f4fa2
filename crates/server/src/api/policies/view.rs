//! From rows to wire types.

use patchwharf_db::policies::{OnRevision as Row, Policy, PolicyUpdate};
use patchwharf_model::{
    api::{OnRevision, PolicySummary, PolicySwitch, SwitchState},
    package::VersionState,
};

pub(super) fn summary(row: Policy) -> PolicySummary {
    PolicySummary {
        id: row.policy_id,
        name: row.name,
        enabled: row.enabled,
        on_revision: match row.on_revision {
            Row::Automatic => OnRevision::Automatic,
            Row::Ask => OnRevision::Ask,
        },
        updates: row.updates,
        package_missing: row.missing,
        pending: row.pending,
        withdrawn: row.withdrawn,
        created_at: row.created_at,
        changed_at: row.changed_at,
    }
}

pub(super) fn on_revision(rule: OnRevision) -> Row {
    match rule {
        OnRevision::Automatic => Row::Automatic,
        OnRevision::Ask => Row::Ask,
    }
}

pub(super) fn switch(row: PolicyUpdate) -> PolicySwitch {
    PolicySwitch {
        state: state(&row),
        update: row.update_id,
        update_key: row.update_key,
        title: row.title,
        bulletin: row.bulletin_id,
        bulletin_name: row.bulletin,
        enabled: row.enabled,
        package: row.package_id,
        version: row.version,
        pending_package: row.pending_package,
        pending_version: row.pending_version,
    }
}

fn state(row: &PolicyUpdate) -> SwitchState {
    match (row.enabled, row.offered, row.state) {
        (false, _, _) => SwitchState::Off,
        (true, Some(false), _) => SwitchState::Withdrawn,
        (true, _, Some(VersionState::Staged | VersionState::Retired)) => {
            match row.weak == Some(true) && !row.accept_sha1 {
                true => SwitchState::Weak,
                false => SwitchState::Ready,
            }
        }
        (true, _, _) => SwitchState::PackageMissing,
    }
}
