//! Who may do what: one decision for every request, before its handler, and it is no unless a rule says yes.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{Method, header, request::Parts, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use patchwharf_model::{Role, api::Code};

use super::error::ApiError;
use crate::{
    access::{
        Principal, Via, is_loopback_name, note_refusal, peer_of, principal,
        rules::{self, Wants},
        same_site,
    },
    app::App,
};

/// Lets a request pass whose principal has the role that its route wants. The route is the router's own: what is spelt
/// otherwise has none, and whoever is not known learns nothing about it.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match check(&app, &parts).await {
        Ok(who) => {
            if let Some(who) = who {
                parts.extensions.insert(who);
            }
            let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
            let may_end_access = rules::may_end_access(&parts.method, route);
            let response = next.run(Request::from_parts(parts, body)).await;
            if may_end_access && response.status().is_success() {
                app.streams.look_again();
            }
            response
        }
        Err(Refusal::SignIn(place)) => Redirect::to(&place).into_response(),
        Err(Refusal::Problem(error)) => error.into_response(),
    }
}

enum Refusal {
    /// A page that wants somebody to sign in first.
    SignIn(String),
    Problem(ApiError),
}

impl<E: Into<ApiError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

async fn check(app: &App, request: &Parts) -> Result<Option<Principal>, Refusal> {
    let route = request.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let wants = route.and_then(|route| rules::wants(&request.method, route));
    let path = request.uri.path();
    let local = is_local(app, request);
    let open = match (route, path) {
        (Some(_), "/metrics") => local,
        (Some(_), path) => path.starts_with("/packages/") && local && app.config.packages.anonymous,
        (None, _) => false,
    };
    if open || wants == Some(Wants::Nothing) {
        return Ok(None);
    }
    let Some(who) = principal(app, &request.headers, peer_of(&request.extensions), true).await? else {
        return Err(match path.strip_prefix("/console") {
            Some(_) if route.is_some() && request.method == Method::GET => Refusal::SignIn(sign_in(request)),
            _ => Refusal::Problem(unknown()),
        });
    };
    let harmless = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if let Some(session) = who.session()
        && !harmless
        && !same_site(app, &request.headers)
    {
        note_refusal(app, &who, session, &format!("{} {}", request.method, route.unwrap_or("an address that is not")))
            .await;
        if app.attempts.may_log(app.clock.instant()) {
            tracing::warn!(account = %who.name, path = %path.escape_debug(), "a change that another site asked for was refused");
        }
        let detail = "A change with a session's cookie must come from a page of this server, and the browser must say so \
                      (Sec-Fetch-Site, Origin). Scripts use a token: `Authorization: Bearer TOKEN`.";
        return Err(ApiError::new(Code::CrossSite, detail).into());
    }
    if route.is_some() {
        may(&who, wants)?;
    }
    // Without a route there is no such address, or not with this method: the router says so.
    Ok(Some(who))
}

/// For what an operation wants beyond its rule.
///
/// # Errors
/// `forbidden`.
pub(super) fn must_have(who: &Principal, role: Role) -> Result<(), ApiError> {
    if who.role < role { Err(forbidden(who, role)) } else { Ok(()) }
}

/// Whether who asks may have what the operation wants; without a rule it is the administrator's alone.
fn may(who: &Principal, wants: Option<Wants>) -> Result<(), ApiError> {
    let role = match wants {
        Some(Wants::Nothing) => return Ok(()),
        Some(Wants::Role(role) | Wants::Person(role) | Wants::Confirmed(role)) => role,
        None => Role::Administrator,
    };
    must_have(who, role)?;
    if matches!(wants, Some(Wants::Person(_) | Wants::Confirmed(_))) && matches!(who.via, Via::Token(..)) {
        let detail = "A personal token does not do this: it could outlive what it was made for. Sign in on the console, or \
                      use the command line with the token of the data folder (admin.token).";
        return Err(ApiError::new(Code::Forbidden, detail));
    }
    if matches!(wants, Some(Wants::Confirmed(_))) && !who.confirmed {
        let detail = "Who may do what is changed with the password at hand: give it once more, it counts for five minutes. \
                      Nothing was changed.";
        return Err(ApiError::new(Code::PasswordNeeded, detail));
    }
    Ok(())
}

fn unknown() -> ApiError {
    ApiError::new(
        Code::Unauthorized,
        "This address wants the header `Authorization: Bearer TOKEN`, or a session of the console. The server keeps the \
         administrator's token in the file admin.token of its data folder; give the command line that file with \
         --token-file.",
    )
}

fn forbidden(who: &Principal, role: Role) -> ApiError {
    let detail =
        format!("This wants the role {role}; {} has the role {}. An administrator can change it.", who.name, who.role);
    ApiError::new(Code::Forbidden, detail)
}

/// The page that lets somebody in and comes back here. Only a place on this server is ever named.
fn sign_in(request: &Parts) -> String {
    let place = request.uri.path_and_query().map_or("/console", |place| place.as_str());
    let back: String = url::form_urlencoded::byte_serialize(place.as_bytes()).collect();
    format!("/console/sign-in?back={back}")
}

/// Whether the client is a process on this machine that means this machine. What comes through a proxy is not, be it that
/// the proxy says so itself, or that the configuration has one; nor is a page of elsewhere whose name was turned to this
/// machine: its browser names that host.
fn is_local(app: &App, request: &Parts) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let peer = peer_of(&request.extensions);
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri.authority().map(Authority::as_str));
    let proxies = &app.config.console.trusted_proxies;
    peer.is_some_and(|peer| loopback(peer) && !proxies.iter().any(|network| network.contains(peer)))
        && !app.config.console.behind_tls
        && !forwarded.iter().any(|name| request.headers.contains_key(*name))
        && host.is_some_and(is_loopback_name)
}

fn loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Who asks, for a handler that leaves their name on the audit trail.
impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn mapped_loopback_is_loopback() {
        assert!(loopback("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!loopback("192.0.2.1".parse().unwrap()));
    }
}
