//! From rows to wire types.

use patchwharf_db::bulletins::{Bulletin, BulletinSort as Sort, Refers as Row};
use patchwharf_model::api::{BulletinSort, BulletinSummary, PolicyReference, Refers};

pub(super) fn summary(row: Bulletin) -> BulletinSummary {
    BulletinSummary {
        downloaded: row.is_downloaded(),
        id: row.bulletin_id,
        name: row.name,
        feed: row.feed_id,
        feed_name: row.feed,
        title: row.title,
        vendor: row.vendor,
        severity: row.severity,
        custom_severity: row.custom_severity,
        enabled: row.enabled,
        updates: row.updates,
        packages: row.packages,
        bad_packages: row.bad_packages,
        policies: row.policies,
        oldest_proof_at: row.oldest_proof_at,
        released_at: row.released_at,
        revised_at: row.revised_at,
        superseded_by: row.superseded_by,
        withdrawn: row.withdrawn,
        listed: row.listed,
    }
}

pub(super) fn refers(row: Row, superseded_by: Option<String>) -> Refers {
    Refers {
        policies: row.policies.into_iter().map(|(id, name)| PolicyReference { id, name }).collect(),
        updates: row.updates,
        packages: row.packages,
        superseded_by,
        supersedes: row.supersedes,
        jobs: row.jobs,
    }
}

pub(super) fn sort(sort: BulletinSort) -> Sort {
    match sort {
        BulletinSort::Name => Sort::Name,
        BulletinSort::Severity => Sort::Severity,
        BulletinSort::Released => Sort::Released,
        BulletinSort::Revised => Sort::Revised,
        BulletinSort::Updates => Sort::Updates,
        BulletinSort::Packages => Sort::Packages,
        BulletinSort::BadPackages => Sort::BadPackages,
        BulletinSort::Policies => Sort::Policies,
        BulletinSort::OldestProof => Sort::OldestProof,
    }
}
