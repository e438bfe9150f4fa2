//! How downloads go: their limit and their proxy. What the configuration file says counts until something else is set.

use patchwharf_db::settings;
use url::Url;

use crate::{
    app::App,
    config::Hidden,
    operations::{
        OperationError,
        integrity::settings::{OFF, rate},
    },
};

/// Bytes per second of all downloads together.
pub(crate) const MAX_RATE: &str = "fetch.max-rate";
/// The proxy.
pub(crate) const PROXY: &str = "fetch.proxy";

/// What stands in the place of a password.
const STARS: &str = "***";

/// The file's limit, as people write it.
pub(super) fn default_rate(app: &App) -> String {
    match app.config.fetch.max_bytes_per_second {
        0 => OFF.to_owned(),
        bytes => patchwharf_model::ByteSize(bytes).to_string(),
    }
}

/// The file's proxy; with its password.
pub(super) fn default_proxy(app: &App) -> String {
    app.config.fetch.proxy.as_ref().map_or_else(|| OFF.to_owned(), |url| url.reveal().to_string())
}

/// `http://[user:password@]host:port`; `off` is none. What is refused is not said: it may hold a password.
pub(super) fn proxy(text: &str) -> Result<Option<Hidden<Url>>, String> {
    if text == OFF {
        return Ok(None);
    }
    let form = "write http://host:port, with user:password@ before the host where it wants them, or off";
    let url = Url::parse(text).map_err(|_| format!("it is no URL; {form}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("only http:// and https:// proxies are supported; {form}"));
    }
    if url.password() == Some(STARS) {
        return Err("the stars stand for the password that is set: write the password itself".to_owned());
    }
    if url.username() == STARS {
        return Err("the stars stand for the name that is set: write the name itself".to_owned());
    }
    Ok(Some(Hidden::new(url)))
}

/// A proxy as it may be shown.
pub(super) fn shown(text: &str) -> String {
    match Url::parse(text) {
        _ if text == OFF => OFF.to_owned(),
        Ok(mut url) => {
            // A name without a password may be a token. It cannot fail for http and https, and nothing else is set.
            let hidden = match (url.username().is_empty(), url.password()) {
                (_, Some(_)) => url.set_password(Some(STARS)),
                (false, None) => url.set_username(STARS),
                (true, None) => Ok(()),
            };
            hidden.map_or_else(|()| STARS.to_owned(), |()| url.to_string())
        }
        Err(_) => STARS.to_owned(),
    }
}

/// Makes downloads go as is set, from the next one on.
///
/// # Errors
/// The database failed, or there can be no client for the proxy.
pub(super) async fn take_up(app: &App) -> Result<(), OperationError> {
    let limit = settings::get(&app.db, MAX_RATE).await?.and_then(|text| rate(&text).ok());
    app.fetch.limit(limit.map_or(app.config.fetch.max_bytes_per_second, Option::unwrap_or_default));
    let set = settings::get(&app.db, PROXY).await?.and_then(|text| proxy(&text).ok());
    let through = set.unwrap_or_else(|| app.config.fetch.proxy.clone());
    app.fetch.through(through).map_err(|error| {
        OperationError::new("proxy", "downloads cannot go through this proxy; they go on as before").because(error)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn w_19_the_password_of_a_proxy_is_never_shown() {
        assert_eq!(shown("http://u:canary@proxy.example:3128"), "http://u:***@proxy.example:3128/");
        assert_eq!(shown("http://canary@proxy.example:3128"), "http://***@proxy.example:3128/", "a token");
        assert_eq!(shown("http://proxy.example:3128"), "http://proxy.example:3128/");
        assert_eq!((shown("off"), shown("canary")), ("off".to_owned(), "***".to_owned()));
        for bad in ["canary", "ftp://u:canary@h", "http://u:***@h:1", "http://***@h:1"] {
            assert!(!proxy(bad).unwrap_err().contains("canary"), "{bad}");
        }
        assert!(!format!("{:?}", proxy("http://u:canary@h:1")).contains("canary"));
    }
}
