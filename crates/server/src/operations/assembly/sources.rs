//! Which hosts the administrator configured: their URLs are fetched from any address, those that only a catalogue
//! names are checked (DESIGN.md "Digests and hosts").

use std::collections::{HashMap, HashSet};

use patchwharf_db::{Db, feeds};
use patchwharf_model::FeedId;
use serde_json::Value;
use url::Url;

use crate::{
    fetch::{Source, Trust},
    operations::OperationError,
};

/// The hosts of each feed's own configuration.
#[derive(Debug, Default)]
pub(crate) struct ConfiguredHosts(HashMap<FeedId, HashSet<String>>);

impl ConfiguredHosts {
    /// Reads them, removed feeds included: their packages may still be mended.
    pub(crate) async fn read(db: &Db) -> Result<Self, OperationError> {
        let mut hosts = HashMap::new();
        for feed in feeds::list(db, true).await? {
            let config: Value = serde_json::from_str(&feed.config).unwrap_or_default();
            let mut named = HashSet::new();
            collect(&config, &mut named);
            hosts.insert(feed.feed_id, named);
        }
        Ok(Self(hosts))
    }

    /// Where a file of a feed's catalogue can be had; none when its URL cannot be used.
    pub(crate) fn source(&self, feed: FeedId, url: &str) -> Option<Source> {
        let url = Url::parse(url).ok().filter(|url| url.has_host())?;
        let host = url.host_str().unwrap_or_default();
        let configured = self.0.get(&feed).is_some_and(|hosts| hosts.contains(host));
        Some(Source { url, trust: if configured { Trust::Configured } else { Trust::Named } })
    }
}

/// Every URL in a feed's configuration was typed by the administrator, whatever the field is called.
fn collect(config: &Value, hosts: &mut HashSet<String>) {
    match config {
        Value::String(text) => {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            hosts.extend(url.and_then(|url| url.host_str().map(str::to_owned)));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, hosts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, hosts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_hosts_of_the_feeds_own_configuration_are_configured() {
        let feed = FeedId::new();
        let mut hosts = HashSet::new();
        collect(
            &serde_json::json!({ "source": { "url": "http://mirror.lan:81/debian", "path": "/x" }, "n": 1 }),
            &mut hosts,
        );
        let configured = ConfiguredHosts(HashMap::from([(feed, hosts)]));
        let trust = |feed, url| configured.source(feed, url).unwrap().trust;
        assert_eq!(trust(feed, "http://mirror.lan:81/pool/a.deb"), Trust::Configured);
        assert_eq!(trust(feed, "http://elsewhere.example/a.deb"), Trust::Named);
        assert_eq!(trust(FeedId::new(), "http://mirror.lan:81/a.deb"), Trust::Named);
        assert!(configured.source(feed, "not a url").is_none());
    }
}
