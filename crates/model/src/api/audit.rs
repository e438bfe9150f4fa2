//! The audit trail.

use serde::{Deserialize, Serialize};

use super::ExportFormat;
use crate::{Sha256, Timestamp};

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
    /// SHA-256 of this change and of the digest of the one before it; none: from before there was a chain.
    pub digest: Option<Sha256>,
}

/// Which entries, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only about this object: kind and id, for example `bulletin 0190...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Only about this bulletin and the packages of its updates, also those that were deleted as long as the log names them: id,
    /// name or `FEED/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulletin: Option<String>,
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
    /// All of them, streamed in this format, instead of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<ExportFormat>,
}

/// What was found when the chain of changes was read from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditChain {
    /// Whether every change is what was written down, none is missing, and every seal is signed.
    pub whole: bool,
    /// Changes that fit.
    pub good: u64,
    /// The chain begins after this change: what comes before was cut by retention, or is older than the chain.
    pub begins_after: i64,
    /// The newest change.
    pub head: i64,
    /// Its digest. Keep `head:digest` elsewhere, and ask with it later.
    pub digest: Sha256,
    /// Ends of the chain that were signed and fit.
    pub seals: u64,
    /// When the last one was signed.
    pub sealed_at: Option<Timestamp>,
    /// The first change that does not fit.
    pub broken_at: Option<i64>,
    /// What is wrong there.
    pub broken: String,
}

/// What the chain is held against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditChainQuery {
    /// A head that was kept from before, `number:digest`: the chain must still have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}
