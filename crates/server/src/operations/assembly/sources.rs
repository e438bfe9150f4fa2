//! Where the files of a feed's catalogue can be had, and how far each place is trusted (DESIGN.md "Digests and hosts"):
//! the administrator's mirrors first, then the vendor's own URL. A host that the administrator configured is fetched
//! from at any address; one that only the catalogue names is checked.

use std::collections::{HashMap, HashSet};

use camino::Utf8PathBuf;
use patchwharf_db::{Db, feeds};
use patchwharf_model::{
    FeedId,
    api::{FeedConfig, FeedSource},
};
use url::Url;

use super::local::LocalFile;
use crate::{
    fetch::{BadPin, Pin, Source, Trust},
    operations::OperationError,
};

/// What the feeds' configurations say of places to download from.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<FeedId, FeedPlaces>);

#[derive(Debug, Default)]
struct FeedPlaces {
    hosts: HashSet<String>,
    mirrors: Vec<String>,
    /// apt: the part of a file's URL that a mirror's takes the place of.
    base: Option<String>,
    /// apt: the folder of this machine that is the archive.
    folder: Option<Utf8PathBuf>,
    /// The only authorities that may vouch for `hosts`.
    pin: Option<Pin>,
}

impl Places {
    /// Reads them, removed feeds included: their packages may still be mended.
    pub(crate) async fn read(db: &Db) -> Result<Self, OperationError> {
        let mut places = HashMap::new();
        for feed in feeds::list(db, true).await?.into_iter().filter(|feed| feed.kind != feeds::LOST) {
            let config = serde_json::from_str::<FeedConfig>(&feed.config).map_err(|error| error.to_string());
            match config.and_then(|config| FeedPlaces::of(&config).map_err(|error| error.to_string())) {
                Ok(of_feed) => {
                    places.insert(feed.feed_id, of_feed);
                }
                Err(error) => tracing::warn!(feed = feed.name, error, "the feed's configuration cannot be read"),
            }
        }
        Ok(Self(places))
    }

    /// Where a file of a feed's catalogue can be had, best first; none when its URL cannot be used.
    pub(crate) fn sources(&self, feed: FeedId, url: &str) -> Vec<Source> {
        let Ok(own) = Url::parse(url) else { return Vec::new() };
        let nowhere = FeedPlaces::default();
        let places = self.0.get(&feed).unwrap_or(&nowhere);
        let mirrored = places.mirrors.iter().filter_map(|mirror| places.at(mirror, &own));
        let configured = |url| Source { url, trust: Trust::Configured, pin: places.pin.clone() };
        let mut sources: Vec<Source> = mirrored.map(configured).collect();
        if let Some(own) = web(own) {
            let known = places.hosts.contains(own.host_str().unwrap_or_default());
            sources.push(if known { configured(own) } else { Source { url: own, trust: Trust::Named, pin: None } });
        }
        sources
    }

    /// The file of a feed's catalogue where its archive is a folder of this machine.
    pub(crate) fn local(&self, feed: FeedId, url: &str) -> Option<LocalFile> {
        LocalFile::below(self.0.get(&feed)?.folder.as_ref()?, &Url::parse(url).ok()?)
    }
}

impl FeedPlaces {
    fn of(config: &FeedConfig) -> Result<Self, BadPin> {
        Ok(Self { pin: config.ca.as_deref().map(Pin::parse).transpose()?, ..Self::new(&config.source) })
    }

    fn new(source: &FeedSource) -> Self {
        let (url, mirrors, further) = match source {
            FeedSource::Sdp(source) => (&source.url, &source.mirrors, None),
            FeedSource::Apt(source) => (&source.url, &source.mirrors, source.advisories.as_ref()),
        };
        let configured = [url].into_iter().chain(mirrors).chain(further);
        let hosts = configured.filter_map(|url| usable(url)?.host_str().map(str::to_owned)).collect();
        let archive = matches!(source, FeedSource::Apt(_));
        let folder = archive.then(|| folder(url)).flatten();
        let base = match &folder {
            Some(folder) => Url::from_directory_path(folder).ok().map(String::from),
            None => archive.then(|| format!("{}/", url.trim_end_matches('/'))),
        };
        Self { hosts, mirrors: mirrors.clone(), base, folder, pin: None }
    }

    /// The file's URL at a mirror: the same path below the archive (apt), else below the host.
    fn at(&self, mirror: &str, own: &Url) -> Option<Url> {
        let path = match &self.base {
            Some(base) => own.as_str().strip_prefix(base.as_str())?,
            None => own.path().trim_start_matches('/'),
        };
        usable(&format!("{}/{path}", mirror.trim_end_matches('/')))
    }
}

fn usable(url: &str) -> Option<Url> {
    Url::parse(url).ok().and_then(web)
}

fn web(url: Url) -> Option<Url> {
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// The folder that a feed's address means; none for the web.
fn folder(address: &str) -> Option<Utf8PathBuf> {
    if address.starts_with('/') {
        return Some(address.into());
    }
    let path = Url::parse(address).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()?;
    Utf8PathBuf::from_path_buf(path).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use patchwharf_model::api::{AptSource, SdpSource};

    use super::*;

    fn places(source: FeedSource) -> (Places, FeedId) {
        let feed = FeedId::new();
        (Places(HashMap::from([(feed, FeedPlaces::new(&source))])), feed)
    }

    fn shown(sources: Vec<Source>) -> Vec<(String, Trust)> {
        sources.into_iter().map(|source| (source.url.to_string(), source.trust)).collect()
    }

    #[test]
    fn only_hosts_of_the_feeds_own_configuration_are_configured() {
        let url = "http://mirror.lan:81/catalogue.cab".into();
        let (places, feed) = places(FeedSource::Sdp(SdpSource { url, mirrors: Vec::new() }));
        let trust = |feed, url| places.sources(feed, url)[0].trust;
        assert_eq!(trust(feed, "http://mirror.lan/a.exe"), Trust::Configured);
        assert_eq!(trust(feed, "http://elsewhere.example/a.exe"), Trust::Named);
        assert_eq!(trust(FeedId::new(), "http://mirror.lan/a.exe"), Trust::Named);
        assert!(places.sources(feed, "not a url").is_empty());
        assert!(places.sources(feed, "file:///etc/passwd").is_empty());
    }

    #[test]
    fn mirrors_of_an_sdp_feed_hold_files_under_their_path_and_are_tried_first() {
        let mirrors = vec!["http://mirror.lan/hp/".to_owned()];
        let (places, feed) = places(FeedSource::Sdp(SdpSource { url: "/srv/catalogue.cab".into(), mirrors }));
        assert_eq!(
            shown(places.sources(feed, "https://ftp.hp.example/pub/sp1.exe")),
            [
                ("http://mirror.lan/hp/pub/sp1.exe".to_owned(), Trust::Configured),
                ("https://ftp.hp.example/pub/sp1.exe".to_owned(), Trust::Named),
            ]
        );
    }

    #[test]
    fn an_archive_in_a_folder_is_read_there_and_its_mirrors_stay() {
        for address in ["/srv/debian", "/srv/debian/", "file:///srv/debian"] {
            let (places, feed) = places(apt(address));
            let url = "file:///srv/debian/pool/a.deb";
            assert!(places.local(feed, url).is_some(), "{address}");
            assert!(places.local(feed, "file:///etc/passwd").is_none());
            let shown = shown(places.sources(feed, url));
            assert_eq!(shown, [("http://mirror.lan/security/pool/a.deb".to_owned(), Trust::Configured)], "{address}");
        }
    }

    #[test]
    fn mirrors_of_an_apt_feed_have_the_same_layout() {
        let (places, feed) = places(apt("http://security.example/debian-security/"));
        assert!(places.local(feed, "file:///etc/passwd").is_none());
        assert_eq!(
            shown(places.sources(feed, "http://security.example/debian-security/pool/a.deb")),
            [
                ("http://mirror.lan/security/pool/a.deb".to_owned(), Trust::Configured),
                ("http://security.example/debian-security/pool/a.deb".to_owned(), Trust::Configured),
            ]
        );
    }

    fn apt(address: &str) -> FeedSource {
        FeedSource::Apt(AptSource {
            url: address.into(),
            suite: "s".into(),
            components: Vec::new(),
            architectures: Vec::new(),
            keyring: String::new(),
            keys: Vec::new(),
            advisories: None,
            mirrors: vec!["http://mirror.lan/security".to_owned()],
        })
    }
}
