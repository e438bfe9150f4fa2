//! The console: pages for people, rendered by the server.
//!
//! A page asks what the API answers, and shows it; every change is a request to the API that the page's script sends with
//! the session's cookie. So there is nothing that the console can do and the API cannot, and no rule stands twice.

mod account;
mod activity;
mod assets;
mod audit;
mod bulletin;
mod bulletins;
mod chart;
mod dashboard;
mod door;
mod feed;
mod feeds;
mod jobs;
mod log;
mod package;
mod packages;
mod page;
mod policies;
mod query;
mod services;
mod shell;
mod update;
mod views;
mod when;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Uri, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};

use patchwharf_model::api::Code;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

use crate::{
    access::Principal,
    api::{ApiError, answer},
    app::App,
};

/// Nothing from elsewhere, no script or style in the page itself, nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// All pages. They are guarded like the API.
pub(crate) fn routes() -> Router<Arc<App>> {
    let routes = Router::new()
        .route("/", get(async || Redirect::to("/console")))
        .route("/console", get(dashboard::show))
        .route("/console/sign-in", get(door::sign_in))
        .route("/console/set-up", get(door::set_up))
        .route("/console/assets/{name}", get(assets::file))
        .route("/console/bulletins", get(bulletins::table))
        .route("/console/bulletins/{bulletin}", get(bulletin::show))
        .route("/console/updates/{update}", get(update::show))
        .route("/console/packages", get(packages::table))
        .route("/console/packages/{package}", get(package::show))
        .route("/console/policies", get(policies::table))
        .route("/console/policies/{policy}", get(policies::show))
        .route("/console/jobs", get(jobs::table))
        .route("/console/jobs/{job}", get(jobs::show))
        .route("/console/log", get(log::viewer))
        .route("/console/services", get(services::show))
        .route("/console/feeds", get(feeds::table))
        .route("/console/feeds/{feed}", get(feed::show))
        .route("/console/audit", get(audit::table))
        .route("/console/audit/chain", get(audit::chain))
        .route("/console/account", get(account::show))
        .route("/console/", get(async || Redirect::to("/console")))
        .route("/console/{*rest}", get(no_page));
    dressed(routes)
}

/// With what every page carries.
fn dressed<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(from_fn(finish))
        // Nothing secret stands in a page, so that its compressed length tells nothing.
        .layer(CompressionLayer::new())
}

/// A page that there is not.
async fn no_page(uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    ApiError::new(Code::NotFound, format!("The console has no page {path:?}."))
}

/// What every page carries; an error becomes a page too.
async fn finish(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let who = request.extensions().get::<Principal>().cloned();
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        error.log(&format!("page {}", path.escape_debug()));
        response = page::problem(&error, who);
    }
    let headers = response.headers_mut();
    // A part and the whole page have one address.
    headers.append(header::VARY, HeaderValue::from_static("HX-Request, HX-History-Restore-Request"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    for (name, value) in
        [("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin")]
    {
        headers.insert(header::HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response.into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_and_an_unknown_address_are_pages_with_the_policy() {
        let routes = Router::new()
            .route("/console/breaks", get(async || -> String { panic!("a secret of the server") }))
            .route("/console/{*rest}", get(no_page));
        let router: Router = dressed(routes);
        for (path, status) in [("/console/breaks", 500), ("/console/nowhere/at/all", 404)] {
            let request = Request::get(path).extension(Principal::owner("test")).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status);
            let headers = response.headers().clone();
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], POLICY);
            assert!(headers[header::VARY].to_str().unwrap().contains("HX-Request"));
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let page = String::from_utf8(body.to_vec()).unwrap();
            assert!(page.contains("<nav") && page.contains("Patch Remediation Center"), "{page}");
            assert!(!page.contains("a secret"), "{page}");
        }
    }
}
