//! The two cookies of the console: the session, and the browser that an account has signed in from.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::app::App;

const SESSION: &str = "patchwharf";
const DEVICE: &str = "patchwharf-device";
/// How long a browser is remembered: browsers keep a cookie for 400 days at most.
const DEVICE_SECONDS: u64 = 400 * 24 * 3600;

/// The cookies of a request.
#[derive(Debug)]
pub(crate) struct Cookies<'a>(&'a HeaderMap);

impl<'a> Cookies<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        Self(headers)
    }

    /// The session's secret.
    pub(crate) fn session(&self, app: &App) -> Option<String> {
        self.one(&name(app, SESSION))
    }

    /// The browser's secret.
    pub(crate) fn device(&self, app: &App) -> Option<String> {
        self.one(&name(app, DEVICE))
    }

    /// The one cookie of that name; two are none: a neighbour could have planted one of them.
    fn one(&self, name: &str) -> Option<String> {
        let pairs = self.0.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut found = pairs
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned());
        let (first, None) = (found.next()?, found.next()) else { return None };
        (first.len() == 43).then_some(first)
    }
}

/// Under TLS the name makes browsers insist on what the attributes say.
fn name(app: &App, plain: &str) -> String {
    if app.config.browsers_speak_tls() { format!("__Host-{plain}") } else { plain.to_owned() }
}

/// Sets the cookie of a session: it ends with the browser, or with the session here.
pub(crate) fn set_session(app: &App, secret: &str) -> Option<HeaderValue> {
    set(app, SESSION, secret, "")
}

/// Sets the cookie of a browser.
pub(crate) fn set_device(app: &App, secret: &str) -> Option<HeaderValue> {
    set(app, DEVICE, secret, &format!("; Max-Age={DEVICE_SECONDS}"))
}

/// Takes the cookie of a session away.
pub(crate) fn clear_session(app: &App) -> Option<HeaderValue> {
    set(app, SESSION, "", "; Max-Age=0")
}

fn set(app: &App, plain: &str, secret: &str, age: &str) -> Option<HeaderValue> {
    let secure = if app.config.browsers_speak_tls() { "; Secure" } else { "" };
    let text = format!("{}={secret}; Path=/; HttpOnly; SameSite=Strict{secure}{age}", name(app, plain));
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_cookie_counts_and_two_of_a_name_are_none() {
        let secret = "a".repeat(43);
        let with = |values: &[String]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::COOKIE, value.parse().unwrap());
            }
            Cookies::of(&headers).one("patchwharf")
        };
        assert_eq!(with(&[format!("x=1; patchwharf={secret}; y=2")]), Some(secret.clone()));
        assert_eq!(with(&[format!("patchwharf={secret}; patchwharf={secret}")]), None);
        assert_eq!(with(&[format!("patchwharf={secret}"), format!("patchwharf={secret}")]), None);
        assert_eq!(with(&["patchwharf=short".to_owned()]), None);
        assert_eq!(with(&[]), None);
    }
}
