//! What the server is set to, and how it is.

use serde::{Deserialize, Serialize};

use super::{Elsewhere, Location};
use crate::{DeploymentId, InstanceId};

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
    /// What an administrator sets while the server runs: `PUT /settings/{name}`.
    pub settings: Vec<Setting>,
    /// Package locations, the default one first.
    pub locations: Vec<Location>,
    /// What still lies at other locations than the default one.
    pub elsewhere: Elsewhere,
    /// The configuration in force, defaults included, secrets left out.
    #[schema(value_type = Object)]
    pub config: serde_json::Value,
}

/// Something that an administrator sets while the server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it is set to.
    pub value: String,
    /// What it is while nothing is set; empty: it is always set.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub default: String,
    /// What it means.
    pub meaning: String,
}

/// A new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingPut {
    /// As people write it.
    pub value: String,
}

/// What setting a value did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SettingChange {
    /// Its name.
    pub name: String,
    /// The value before.
    pub before: String,
    /// The value now.
    pub after: String,
    /// What follows from it, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How the server is: the answer of `/healthz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok`; `degraded`: packages at a location other than the default one cannot be had or moved; `failing`.
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
