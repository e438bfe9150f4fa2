//! Query parameters that an address does not know are refused, also where it knows none.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use patchwharf_model::api::Code;
use url::form_urlencoded;
use utoipa::openapi::OpenApi;

use super::ApiError;

/// The query parameters of each operation, as the description of the API has them.
#[derive(Debug)]
pub(super) struct QueryNames(HashMap<(String, String), HashSet<String>>);

impl QueryNames {
    pub(super) fn of(document: &OpenApi) -> Self {
        // As JSON: the one form of the description that does not change with the library.
        let document = serde_json::to_value(document).unwrap_or_default();
        let mut known = HashMap::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let names = parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
                known.insert((method.clone(), path.clone()), names.map(ToOwned::to_owned).collect());
            }
        }
        Self(known)
    }

    /// The first parameter that the operation does not know.
    fn unknown(&self, method: &Method, route: &str, query: &str) -> Option<String> {
        // HEAD is answered by GET.
        let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
        let known = self.0.get(&(method, route.to_owned()))?;
        form_urlencoded::parse(query.as_bytes())
            .map(|(name, _)| name)
            .find(|name| !known.contains(&**name))
            .map(std::borrow::Cow::into_owned)
    }
}

/// Refuses a request with a parameter that its operation does not know.
pub(super) async fn check(State(names): State<Arc<QueryNames>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if let (Some(query), Some(route)) = (request.uri().query(), route)
        && let Some(name) = names.unknown(request.method(), route, query)
    {
        let name: String = name.chars().take(100).collect();
        let detail = format!("This address has no parameter {name:?}; /api/openapi.json says which it has.");
        return ApiError::new(Code::InvalidQuery, detail).into_response();
    }
    next.run(request).await
}
