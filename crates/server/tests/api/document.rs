//! The description of the API: every change of it is seen in a review.

use patchwharf_server::api;

#[test]
fn the_description_of_the_api_is_the_one_that_was_reviewed() {
    let mut document = serde_json::to_value(api::document()).unwrap();
    document["info"]["version"] = "as of the crate".into();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!("openapi", document);
    });
}

#[test]
fn every_operation_says_what_it_is_and_has_a_name_of_its_own() {
    let document = serde_json::to_value(api::document()).unwrap();
    let mut operations = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(
                operations.insert(format!("{name} {}", operation["tags"][0])),
                "{name} appears twice: {method} {path}"
            );
        }
    }
}

/// What a client's generator would stumble over.
#[test]
fn everything_that_the_description_refers_to_is_in_it() {
    let document = serde_json::to_value(api::document()).unwrap();
    let text = document.to_string();
    let known = document["components"]["schemas"].as_object().unwrap();
    let named = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let missing: std::collections::BTreeSet<_> = named.filter(|name| !known.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
