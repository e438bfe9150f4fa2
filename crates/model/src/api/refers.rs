//! What refers to a bulletin or a package.

use serde::{Deserialize, Serialize};

use crate::{JobId, PackageId, PolicyId, UpdateId, job::JobKind, job::JobState};

/// Everything that refers to a thing: read it before deleting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Refers {
    /// Policies with a switch for one of its updates.
    pub policies: Vec<PolicyReference>,
    /// Packages of its updates.
    pub packages: Vec<PackageId>,
    /// Bulletins that supersede it, by name.
    pub superseded_by: Vec<String>,
    /// Bulletins that it supersedes, by name.
    pub supersedes: Vec<String>,
    /// Jobs that have not ended and work on it.
    pub jobs: Vec<JobReference>,
}

/// A policy's switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyReference {
    /// The policy.
    pub id: PolicyId,
    /// Its name.
    pub name: String,
    /// Whether the policy is on.
    pub enabled: bool,
    /// The update.
    pub update: UpdateId,
    /// Whether the switch of this update is on.
    pub switch_enabled: bool,
}

/// A job that works on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobReference {
    /// The job.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
}
