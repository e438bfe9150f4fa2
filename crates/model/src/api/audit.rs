//! The audit trail.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// One change: who, from where, what, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// Number of the entry; rises.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who: `admin`, `schedule`, `server`.
    pub actor: String,
    /// From where: `api`, `job <id>`, `start-up`.
    pub source: String,
    /// What was done: `bulletin.disable`, `package.delete`.
    pub action: String,
    /// To what: kind and id.
    pub object: String,
    /// State before, as JSON text.
    pub before: Option<String>,
    /// State after, as JSON text.
    pub after: Option<String>,
}

/// Which entries, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only about this object: kind and id, for example `bulletin 0190...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Only this action, or all of a kind: `policy.add`, `policy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only since this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Continue after this place: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
