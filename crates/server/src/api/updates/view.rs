//! From rows to wire types.

use patchwharf_db::updates::{Known, Update};
use patchwharf_model::{
    api::{UpdateDetailView, UpdateReference, UpdateSummary},
    update::{UpdateItem, UpdateType},
};

use crate::api::{ApiError, ApiResult};

pub(in crate::api) fn summary(row: Update) -> UpdateSummary {
    let update_type = match row.update_type.as_str() {
        "driver" => UpdateType::Driver,
        "detectoid" => UpdateType::Detectoid,
        _ => UpdateType::Software,
    };
    let staged = row.staged_files_digest.as_ref() == Some(&row.files_digest);
    UpdateSummary {
        outdated: !staged && row.staged_files_digest.is_some(),
        needs_file: !staged && row.files.iter().any(|file| file.url.is_none()),
        id: row.update_id,
        key: row.update_key,
        bulletin: row.bulletin_id,
        bulletin_name: row.bulletin,
        title: row.title,
        classification: row.classification,
        architecture: row.architecture,
        version: row.version,
        severity: row.severity,
        update_type,
        revised_at: row.revised_at,
        size_bytes: row.size_bytes,
        files: row.files.len() as u64,
        package: row.package_id,
        package_state: row.state,
        unproved: row.unproved.unwrap_or_default(),
        superseded_by: row.superseded_by,
        withdrawn: row.withdrawn,
        listed: row.listed,
    }
}

pub(in crate::api) fn detail(row: Update, item: &str) -> ApiResult<UpdateDetailView> {
    let item: UpdateItem = serde_json::from_str(item).map_err(ApiError::internal)?;
    let payload = row.files.clone();
    Ok(UpdateDetailView {
        summary: summary(row),
        vendor: item.vendor,
        products: item.products,
        description: item.description,
        cves: item.cves,
        kbs: item.kbs,
        urls: item.urls,
        payload,
        supersedes: item.supersedes,
        related: Vec::new(),
        detail: item.detail,
    })
}

pub(super) fn reference(row: Known) -> UpdateReference {
    UpdateReference { id: row.update_id, key: row.update_key, bulletin_name: row.bulletin }
}
