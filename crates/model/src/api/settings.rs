//! What the server is set to, and how it is.

use serde::{Deserialize, Serialize};

use crate::{DeploymentId, InstanceId, LocationId, Timestamp};

/// Core Services as they stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Settings {
    /// Version of the server program.
    pub version: String,
    /// The deployment: everything that shares one resource database.
    pub deployment: DeploymentId,
    /// The data folder's instance.
    pub instance: InstanceId,
    /// The database: `sqlite` or `postgres`.
    pub database: String,
    /// The server's public signing key (Ed25519, hexadecimal).
    pub manifest_key: String,
    /// Package locations.
    pub locations: Vec<Location>,
    /// The configuration in force, defaults included, secrets left out.
    #[schema(value_type = Object)]
    pub config: serde_json::Value,
}

/// A root folder under which package folders lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Location {
    /// Its id, also in its `location.json`.
    pub id: LocationId,
    /// Its path on the server.
    pub path: String,
    /// Whether new packages go here.
    pub is_default: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Free bytes on its file system; none when it cannot be read.
    pub free_bytes: Option<u64>,
    /// Size of its file system in bytes.
    pub total_bytes: Option<u64>,
}

/// How the server is: the answer of `/healthz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok` or `failing`.
    pub status: String,
    /// What was looked at.
    pub checks: Vec<HealthCheck>,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HealthCheck {
    /// `database`, `location <id>`.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// Why not. No paths and no internals: `/healthz` needs no token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}
