//! What refers to a bulletin or a package.

use serde::{Deserialize, Serialize};

use crate::{JobId, PackageId, PolicyId, UpdateId};

/// Everything that refers to a thing: read it before deleting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Refers {
    /// Policies that hold one of its updates.
    pub policies: Vec<PolicyReference>,
    /// Its updates.
    pub updates: Vec<UpdateId>,
    /// Packages of its updates, replaced ones included.
    pub packages: Vec<PackageId>,
    /// Name of the bulletin that takes its place.
    pub superseded_by: Option<String>,
    /// Bulletins that it supersedes, by name.
    pub supersedes: Vec<String>,
    /// Jobs that have not ended and hold one of its packages.
    pub jobs: Vec<JobId>,
}

/// A policy that needs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyReference {
    /// The policy.
    pub id: PolicyId,
    /// Its name.
    pub name: String,
}
