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

/// Gives every operation a name that is its own in the whole document: `list` of `jobs` becomes `jobs_list`.
pub(super) fn name_operations(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete, &mut item.head];
        for operation in operations.into_iter().flatten() {
            let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
            operation.operation_id = operation.operation_id.take().map(|name| format!("{tag}_{name}"));
        }
    }
}
