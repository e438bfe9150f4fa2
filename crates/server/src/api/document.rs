//! What the OpenAPI document says before any route.

use patchwharf_model::api::{Code, Problem};
use utoipa::{
    OpenApi as _, PartialSchema as _,
    openapi::{
        ComponentsBuilder, OpenApi,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Patchwharf",
    description = "Stages vendors' software bulletins as verified packages, keeps them whole, and serves them.\n\n\
                   Every address wants `Authorization: Bearer TOKEN` unless it says otherwise. Errors are \
                   `application/problem+json` with a stable `code`. Long work is a job: the answer is 202 with the job, \
                   and the same `Idempotency-Key` twice is one job."
))]
struct Document;

/// Title, security and the error type.
pub(super) fn base() -> OpenApi {
    let mut document = Document::openapi();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    document.components = Some(
        ComponentsBuilder::new()
            .security_scheme("token", bearer)
            .schema("Problem", Problem::schema())
            .schema_from::<patchwharf_model::api::Refers>()
            .schema_from::<patchwharf_model::api::PolicyReference>()
            .build(),
    );
    document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    let codes: String =
        Code::ALL.iter().map(|code| format!("\n- `{}` ({}): {}", code.as_str(), code.status(), code.title())).collect();
    let description = document.info.description.take().unwrap_or_default();
    document.info.description = Some(format!("{description}\n\nCodes:\n{codes}"));
    document
}
