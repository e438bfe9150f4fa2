//! The rules, one module for each concern.

mod audit;
mod bytes;
mod derived;
mod generations;
mod integrity;
mod jobs;
mod originals;
mod orphans;
mod packages;
mod policies;
mod proofs;

use crate::{Finding, disk::Disk, facts::Facts, heads::Heads, manifest::PublicKey};

/// What the rules look at.
pub(crate) struct Scene<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) disk: &'a Disk,
    /// Names of files in the data folder that administrators sent.
    pub(crate) uploads: &'a [String],
    /// The server's own key first; empty: not known.
    pub(crate) keys: &'a [PublicKey],
    /// What the server remembers of its audit trail.
    pub(crate) heads: &'a Result<Option<Heads>, String>,
    /// Whether several servers may use the database.
    pub(crate) is_shared: bool,
    pub(crate) now_us: i64,
}

/// Every finding of every rule.
pub(crate) fn all(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = scene
        .facts
        .damage
        .iter()
        .map(|line| Finding::violation("I1", "database-damaged", "database", line.clone()))
        .collect();
    for rule in [
        audit::look,
        bytes::look,
        orphans::look,
        originals::look,
        packages::look,
        policies::look,
        proofs::look,
        jobs::look,
        integrity::look,
        generations::look,
        derived::look,
    ] {
        findings.extend(rule(scene));
    }
    findings
}
