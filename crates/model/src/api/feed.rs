//! Catalogue feeds.

mod rules;
mod source;

use serde::{Deserialize, Serialize};

pub use rules::{BadClause, Clause, ClauseField, FeedRules};
pub use source::{AptSource, FeedSource, SdpSource};

use crate::{FeedId, JobId, Sha256, Timestamp};

/// A feed as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Feed {
    /// Its id.
    pub id: FeedId,
    /// Its name.
    pub name: String,
    /// Where it comes from and how it is proved; the keyring is left out.
    pub source: FeedSource,
    /// Which updates are taken.
    pub rules: FeedRules,
    /// Which of the updates taken are staged after an import: none = no update.
    pub auto_stage: Option<FeedRules>,
    /// Whether packages pinned by SHA-1 only may be offered to computers.
    pub accept_sha1: bool,
    /// SHA-256 fingerprints of the certificate authorities that alone may vouch for the feed's hosts; left out: those of
    /// the machine may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca_sha256: Vec<Sha256>,
    /// Minutes between imports; none: on demand only.
    pub schedule_minutes: Option<u32>,
    /// When the next scheduled import is due.
    pub next_import_at: Option<Timestamp>,
    /// The date that the vendor gives the catalogue of the last import.
    pub catalogue_date: Option<Timestamp>,
    /// When the last import ended.
    pub last_import_at: Option<Timestamp>,
    /// The job of the last import.
    pub last_import_job: Option<JobId>,
    /// Why the last import failed; empty when it did not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_error: String,
    /// Bulletins that it has brought; none in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulletins: Option<u64>,
    /// When it was removed with its packages kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    /// When the feed was added.
    pub created_at: Timestamp,
}

/// What the database keeps of a feed as JSON: column `feed.config`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// Where it comes from and how it is proved, with its keyring.
    pub source: FeedSource,
    /// Which updates are taken.
    #[serde(default)]
    pub rules: FeedRules,
    /// Which of the updates taken are staged after an import.
    #[serde(default)]
    pub auto_stage: Option<FeedRules>,
    /// The certificate authorities that alone may vouch for the feed's hosts, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// A new feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedCreate {
    /// Its name: unique, 1 to 100 characters, no control characters, no slash.
    pub name: String,
    /// Where it comes from and how it is proved.
    pub source: FeedSource,
    /// Which updates to take; all when left out.
    #[serde(default)]
    pub rules: FeedRules,
    /// Stage after import what these rules choose; left out: stage nothing. Empty rules choose everything.
    #[serde(default)]
    pub auto_stage: Option<FeedRules>,
    /// Let packages pinned by SHA-1 only be offered to computers. Audited.
    #[serde(default)]
    pub accept_sha1: bool,
    /// PEM certificates of the authorities that alone may vouch for the hosts of this feed's URLs (catalogue, mirrors,
    /// advisories), instead of those of the machine; the catalogue must be fetched by https. Hosts that only the
    /// catalogue names are asked as always: a digest proves what they give. Audited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Minutes between imports, at least 5; left out: on demand only.
    #[serde(default)]
    pub schedule_minutes: Option<u32>,
}

/// A change of a feed. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedPatch {
    /// Another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Another source, complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<FeedSource>,
    /// Which updates to take, from the next import on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<FeedRules>,
    /// What to stage after an import; `null`: nothing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<FeedRules>)]
    pub auto_stage: Option<Option<FeedRules>>,
    /// Let packages pinned by SHA-1 only be offered to computers. Audited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_sha1: Option<bool>,
    /// Other certificate authorities, PEM; `null`: those of the machine again. Audited.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub ca: Option<Option<String>>,
    /// Minutes between imports; `null`: on demand only.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    pub schedule_minutes: Option<Option<u32>>,
}

/// A field that is there, even as `null`, is `Some`; one that is left out stays `None` by `default`.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// How to import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedImport {
    /// Take the catalogue although most of its updates have vanished.
    pub confirm_shrink: bool,
}

/// What to do with the feed's packages when it is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeedRemoval {
    /// Refuse while it has packages.
    #[default]
    Refuse,
    /// Keep them: nothing is imported any more, bulletins and packages stay.
    Keep,
    /// Delete them first.
    Purge,
}

/// How to remove a feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct FeedRemove {
    /// What to do with its packages.
    #[param(inline)]
    pub packages: FeedRemoval,
    /// With `purge`: also packages that a policy needs.
    pub although_needed: bool,
    /// With `purge` of many packages: how many it is, as the preview says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

/// Counts what rules would take of the feed's catalogue, without changing anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedPreview {
    /// The rules to try; left out: those of the feed.
    pub rules: Option<FeedRules>,
    /// Rules of what is staged after an import, to try with them: how much it is, is counted too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_stage: Option<FeedRules>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_patch_tells_null_from_left_out() {
        let patch: FeedPatch = serde_json::from_str(r#"{"schedule_minutes": null}"#).unwrap();
        assert_eq!((patch.schedule_minutes, patch.auto_stage), (Some(None), None));
        assert!(serde_json::from_str::<FeedPatch>(r#"{"schedule": 5}"#).is_err());
    }

    #[test]
    fn unknown_fields_of_a_new_feed_are_refused() {
        let good = r#"{"name":"hp","source":{"kind":"sdp","url":"https://example.org/c.cab"}}"#;
        let feed: FeedCreate = serde_json::from_str(good).unwrap();
        assert!(matches!(feed.source, FeedSource::Sdp(_)));
        assert_eq!(serde_json::from_str::<FeedCreate>(&serde_json::to_string(&feed).unwrap()).unwrap(), feed);
        for bad in [
            r#"{"name":"hp","source":{"kind":"sdp","url":"https://example.org/c.cab","suite":"x"}}"#,
            r#"{"name":"hp","source":{"kind":"sdp","url":"https://example.org/c.cab"},"colour":1}"#,
        ] {
            assert!(serde_json::from_str::<FeedCreate>(bad).is_err(), "{bad}");
        }
    }
}
