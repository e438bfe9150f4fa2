//! Elements that have no type of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An element of a vendor's document, kept as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(no_recursion)]
pub struct Markup {
    /// Namespace URI; empty for none.
    pub namespace: String,
    /// Local name.
    pub name: String,
    /// Attributes by local name, namespace declarations left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Text directly in it, without the white space around it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Elements in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Markup>,
}
