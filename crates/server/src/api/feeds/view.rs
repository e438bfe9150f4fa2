//! From rows to wire types and back.

use patchwharf_db::feeds;
use patchwharf_model::api::{Feed, FeedConfig};

use crate::{
    api::{ApiError, ApiResult},
    fetch::Pin,
};

pub(super) fn config(row: &feeds::Feed) -> ApiResult<FeedConfig> {
    serde_json::from_str(&row.config).map_err(ApiError::internal)
}

pub(super) fn feed(row: feeds::Feed, bulletins: Option<u64>) -> ApiResult<Feed> {
    let config = config(&row)?;
    let pin = config.ca.as_deref().map(Pin::parse).transpose().map_err(ApiError::internal)?;
    Ok(Feed {
        id: row.feed_id,
        name: row.name,
        source: config.source.without_keyring(),
        rules: config.rules,
        auto_stage: config.auto_stage,
        accept_sha1: row.accept_sha1,
        ca_sha256: pin.map(|pin| pin.fingerprints().to_vec()).unwrap_or_default(),
        schedule_minutes: row.schedule_minutes,
        next_import_at: row.next_import_at,
        catalogue_date: row.catalogue_date,
        last_import_at: row.last_import_at,
        last_import_job: row.last_import_job,
        last_error: row.last_error.unwrap_or_default(),
        bulletins,
        removed_at: row.removed_at,
        created_at: row.created_at,
    })
}
