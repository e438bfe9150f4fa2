//! Whether a feed can work at all: found out when it is added, not at three in the morning.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use patchwharf_model::api::{AptSource, Code, FeedConfig, FeedRules, FeedSource, SdpSource};
use patchwharf_trust::Keyring;
use url::Url;

use crate::{
    api::{ApiError, ApiResult},
    fetch::Pin,
};

const SHORTEST_SCHEDULE_MINUTES: u32 = 5;
const KEYRING_LIMIT_BYTES: usize = 512 * 1024;

fn refuse(detail: impl Into<String>) -> ApiError {
    ApiError::new(Code::InvalidBody, detail)
}

/// A name for people: 1 to 100 characters, no control characters, no slash (that joins feed and bulletin), not an id.
pub(in crate::api) fn name(kind: &str, name: &str) -> ApiResult<()> {
    let bad = name.trim() != name
        || !(1..=100).contains(&name.chars().count())
        || name.chars().any(|c| c.is_control() || c == '/')
        || uuid::Uuid::parse_str(name).is_ok();
    if bad {
        return Err(refuse(format!(
            "{name:?} cannot be the name of a {kind}: use 1 to 100 characters without a slash, control characters, or \
             spaces at the ends, and not the form of an id."
        )));
    }
    Ok(())
}

pub(super) fn schedule(minutes: Option<u32>) -> ApiResult<()> {
    match minutes {
        Some(minutes) if minutes < SHORTEST_SCHEDULE_MINUTES => Err(refuse(format!(
            "A schedule of {minutes} minutes would burden the vendor; use {SHORTEST_SCHEDULE_MINUTES} or more."
        ))),
        _ => Ok(()),
    }
}

pub(super) fn rules(rules: &FeedRules) -> ApiResult<()> {
    match rules.include.iter().chain(&rules.exclude).find(|clause| !clause.is_valid()) {
        Some(clause) => Err(refuse(format!("The rule {:?} can never fit; correct its pattern.", clause.to_string()))),
        None => Ok(()),
    }
}

pub(super) fn source(source: &FeedSource) -> ApiResult<()> {
    match source {
        FeedSource::Sdp(SdpSource { url, mirrors }) => {
            place("url", url)?;
            mirrors.iter().try_for_each(|mirror| web("mirrors", mirror))
        }
        FeedSource::Apt(source) => apt(source),
    }
}

fn apt(source: &AptSource) -> ApiResult<()> {
    place("url", &source.url)?;
    source.mirrors.iter().try_for_each(|mirror| web("mirrors", mirror))?;
    source.advisories.iter().try_for_each(|advisories| place("advisories", advisories))?;
    let words = std::iter::once(&source.suite).chain(&source.components).chain(&source.architectures);
    for word in words {
        let good = |c: char| c.is_ascii_alphanumeric() || "-._/+".contains(c);
        if word.is_empty() || word.len() > 200 || !word.chars().all(good) || word.split('/').any(|part| part == "..") {
            return Err(refuse(format!(
                "{word:?} is no suite, component or architecture: use letters, digits and -._/+."
            )));
        }
    }
    if source.components.is_empty() || source.architectures.is_empty() {
        return Err(refuse("An apt feed needs at least one component and one architecture."));
    }
    let hex = |key: &String| key.len() >= 40 && key.chars().all(|c| c.is_ascii_hexdigit());
    if let Some(key) = source.keys.iter().find(|key| !hex(key)) {
        return Err(refuse(format!("{key:?} is no fingerprint: give all 40 (or 64) hexadecimal digits, no spaces.")));
    }
    match STANDARD.decode(&source.keyring) {
        Ok(bytes) if bytes.is_empty() => Err(refuse(
            "An apt feed needs the keyring that proves it, for example /usr/share/keyrings/debian-archive-keyring.gpg.",
        )),
        Ok(bytes) if bytes.len() > KEYRING_LIMIT_BYTES => Err(refuse("The keyring is larger than 512 KiB.")),
        Ok(bytes) => Keyring::read(&bytes)
            .map(drop)
            .map_err(|error| refuse(format!("The keyring cannot be used: {error}. The feed was not changed."))),
        Err(_) => Err(refuse("The keyring is not base64.")),
    }
}

/// Certificate authorities that can be read, for a catalogue that is fetched by https: elsewhere they would protect
/// nothing.
pub(super) fn authorities(config: &FeedConfig) -> ApiResult<()> {
    let Some(pem) = &config.ca else { return Ok(()) };
    Pin::parse(pem).map_err(|error| refuse(format!("The file of certificate authorities cannot be used: {error}.")))?;
    let url = config.source.url();
    if Url::parse(url).is_ok_and(|url| url.scheme() == "https") {
        return Ok(());
    }
    Err(refuse(format!(
        "Certificate authorities of its own are of no use to a feed from {url}, which is not fetched by https; give its \
         https address, or leave `ca` out."
    )))
}

/// Whether what a source names on this machine is there.
pub(super) async fn is_there(source: &FeedSource) -> ApiResult<()> {
    let places = match source {
        FeedSource::Sdp(source) => vec![&source.url],
        FeedSource::Apt(source) => [&source.url].into_iter().chain(&source.advisories).collect(),
    };
    for path in places.into_iter().filter(|place| place.starts_with('/')) {
        if let Err(error) = tokio::fs::metadata(path).await {
            return Err(refuse(format!(
                "{path} cannot be read on the server: {error}. Paths are those of the machine where the server runs; \
                 mount or copy it there first."
            )));
        }
    }
    Ok(())
}

/// A URL, or an absolute path on the server.
fn place(field: &str, text: &str) -> ApiResult<()> {
    if text.starts_with('/') && !text.contains('\0') {
        return Ok(());
    }
    web(field, text)
}

fn web(field: &str, text: &str) -> ApiResult<()> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        Some(url) if url.password().is_none() => Ok(()),
        Some(_) => Err(refuse(format!("`{field}` has a password in its URL, which would be shown in logs."))),
        None => {
            Err(refuse(format!("`{field}` is {text:?}; use an http or https URL, or an absolute path on the server.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_urls_or_absolute_paths() {
        for good in ["https://example.org/c.cab", "http://mirror.lan:8080/x", "/srv/catalogue.cab"] {
            assert!(place("url", good).is_ok(), "{good}");
        }
        for bad in ["file:///etc/passwd", "ftp://x/y", "catalogue.cab", "", "https://u:p@example.org/", "gopher://x"] {
            assert!(place("url", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_do_not_look_like_something_else() {
        assert!(name("feed", "HP client catalogue").is_ok());
        for bad in ["", " x", "a/b", "a\nb", "0190c2a4-9d0a-7d6b-8f00-000000000000"] {
            assert!(name("feed", bad).is_err(), "{bad:?}");
        }
    }
}
