//! What the OpenAPI document says before any route.

use patchwharf_model::{
    api::{Code, Problem},
    rule,
};
use utoipa::{
    OpenApi as _, PartialSchema as _,
    openapi::{
        ComponentsBuilder, Content, OpenApi, Ref, RefOr, ResponseBuilder, Schema,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

/// The content type of errors.
const PROBLEM: &str = "application/problem+json";

type Schemas = std::collections::BTreeMap<String, RefOr<Schema>>;

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
        rules(ComponentsBuilder::new())
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

/// What a rule can ask: rules contain rules, and the macros stop there.
fn rules(components: ComponentsBuilder) -> ComponentsBuilder {
    components
        .schema_from::<rule::ClusterResourceOwner>()
        .schema_from::<rule::Comparison>()
        .schema_from::<rule::FileAddress>()
        .schema_from::<rule::FileBase>()
        .schema_from::<rule::FileCreated>()
        .schema_from::<rule::FileExists>()
        .schema_from::<rule::FileModified>()
        .schema_from::<rule::FileSize>()
        .schema_from::<rule::FileVersion>()
        .schema_from::<rule::GenericQuery>()
        .schema_from::<rule::Hive>()
        .schema_from::<rule::LanguageInstalled>()
        .schema_from::<rule::LoopLogic>()
        .schema_from::<rule::MetadataRule>()
        .schema_from::<rule::MsiComponentInstalled>()
        .schema_from::<rule::MsiFeatureInstalled>()
        .schema_from::<rule::MsiPatchInstalled>()
        .schema_from::<rule::MsiProductInstalled>()
        .schema_from::<rule::NumberOfProcessors>()
        .schema_from::<rule::Processor>()
        .schema_from::<rule::RegistryDword>()
        .schema_from::<rule::RegistryExpandString>()
        .schema_from::<rule::RegistryKey>()
        .schema_from::<rule::RegistryLoop>()
        .schema_from::<rule::RegistryString>()
        .schema_from::<rule::RegistryStringAsVersion>()
        .schema_from::<rule::RegistryValue>()
        .schema_from::<rule::RegistryValueExists>()
        .schema_from::<rule::RegistryValueType>()
        .schema_from::<rule::StringComparison>()
        .schema_from::<rule::SystemMetric>()
        .schema_from::<rule::Version>()
        .schema_from::<rule::VersionRange>()
        .schema_from::<rule::WindowsVersion>()
        .schema_from::<rule::WmiQuery>()
}

/// What is the same for every operation, and what the macros cannot say.
pub(super) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete, &mut item.head];
        for operation in operations.into_iter().flatten() {
            name(operation);
            describe_errors(operation);
        }
    }
    if let Some(components) = &mut document.components {
        close_variants(&mut components.schemas);
    }
}

/// A name that is its own in the whole document: `list` of `jobs` becomes `jobs_list`.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    operation.operation_id = operation.operation_id.take().map(|name| format!("{tag}_{name}"));
}

/// Whatever goes wrong is told by a problem document.
fn describe_errors(operation: &mut Operation) {
    let problem = || Content::new(Some(Ref::from_schema_name("Problem")));
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            response.content.insert(PROBLEM.to_owned(), RefOr::T(problem()));
        }
    }
    let any = ResponseBuilder::new().description("Any error: `code` says which").content(PROBLEM, problem()).build();
    responses.entry("default".to_owned()).or_insert(any.into());
}

/// A variant that is a closed type and a tag beside it: the tag is one of its fields. As the macros write it, the closed type
/// refuses the tag, and nothing can satisfy both.
fn close_variants(schemas: &mut Schemas) {
    let known = schemas.clone();
    let of = |reference: &Ref| known.get(reference.ref_location.rsplit('/').next()?);
    for schema in schemas.values_mut() {
        let RefOr::T(Schema::OneOf(choice)) = schema else { continue };
        for variant in &mut choice.items {
            let RefOr::T(Schema::AllOf(both)) = variant else { continue };
            let [RefOr::Ref(reference), RefOr::T(Schema::Object(tag))] = both.items.as_slice() else { continue };
            let Some(RefOr::T(Schema::Object(closed))) = of(reference) else { continue };
            let mut whole = closed.clone();
            whole.properties.extend(tag.properties.clone());
            whole.required.extend(tag.required.iter().cloned());
            whole.description = both.description.take();
            *variant = RefOr::T(Schema::Object(whole));
        }
    }
}
