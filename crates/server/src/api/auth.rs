//! Who may do what: one decision for every request, before routing to a handler, and it is no unless a rule says yes.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use patchwharf_model::api::Code;

use super::error::ApiError;
use crate::app::App;

/// Lets a request pass that brings the token, or that needs none. The path is taken as it came: what is not literally
/// on the list of open addresses needs the token, however it is spelt.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match check(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(app: &App, request: &Request) -> Result<(), ApiError> {
    let local = is_local(request);
    let open = match request.uri().path() {
        "/healthz" => true,
        "/metrics" => local,
        path => path.starts_with("/packages/") && local && app.config.packages.anonymous,
    };
    if open || bearer(request.headers()).is_some_and(|token| app.admin_token.matches(token)) {
        return Ok(());
    }
    Err(ApiError::new(
        Code::Unauthorized,
        "This address wants the header `Authorization: Bearer TOKEN`. The server keeps the administrator's token in \
         the file admin.token of its data folder; give the command line that file with --token-file.",
    ))
}

/// The one bearer token of the request. Two headers are no token; a token in the URL is never looked at.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the client is a process on this machine. What comes through a proxy is not: the proxy says so itself.
fn is_local(request: &Request) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    request.extensions().get::<ConnectInfo<SocketAddr>>().is_some_and(|ConnectInfo(peer)| loopback(peer.ip()))
        && !forwarded.iter().any(|name| request.headers().contains_key(*name))
}

fn loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn only_one_bearer_token_counts() {
        assert_eq!(token(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&["bearer  abc"]).as_deref(), Some("abc"));
        for refused in [&["abc"][..], &["Basic abc"], &["Bearer"], &[], &["Bearer abc", "Bearer abc"]] {
            assert_eq!(token(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn mapped_loopback_is_loopback() {
        assert!(loopback("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!loopback("192.0.2.1".parse().unwrap()));
    }
}
