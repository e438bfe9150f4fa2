//! One package as a tree: small enough to hold, so that a fault in it costs only this package.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use patchwharf_model::rule::Markup;

use super::{namespace::Namespace, value};

/// Why a package is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadPackage(pub(super) String);

#[derive(Debug)]
pub(super) struct Element {
    pub(super) namespace: Namespace,
    pub(super) name: Box<str>,
    /// By local name; those that have a namespace as `{uri}name`.
    pub(super) attributes: Vec<(Box<str>, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn is(&self, namespace: &Namespace, name: &str) -> bool {
        *self.name == *name && self.namespace == *namespace
    }

    /// The children of this name in the element's own vocabulary.
    pub(super) fn all<'e>(&'e self, namespace: &Namespace, name: &str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.is(namespace, name))
    }

    pub(super) fn first(&self, namespace: &Namespace, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(namespace, name))
    }

    /// Text without the white space around it.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }

    /// Texts of the children of this name, empty ones left out.
    pub(super) fn texts(&self, namespace: &Namespace, name: &str) -> Vec<String> {
        self.all(namespace, name).map(|child| child.text().to_owned()).filter(|text| !text.is_empty()).collect()
    }

    /// An attribute as it was written; [`Self::attribute`] takes off the white space around it.
    pub(super) fn string(&self, name: &str) -> Result<String, BadPackage> {
        let found = self.attributes.iter().find(|(key, _)| **key == *name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| BadPackage(format!("{} lacks {name}", self.name)))
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| **key == *name).map(|(_, value)| value.trim())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, BadPackage> {
        self.attribute(name).ok_or_else(|| BadPackage(format!("{} lacks {name}", self.name)))
    }

    pub(super) fn owned(&self, name: &str) -> String {
        self.attribute(name).unwrap_or_default().to_owned()
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, BadPackage> {
        let parse = |text: &str| text.parse().map_err(|error| self.bad(name, text, &error));
        self.attribute(name).map(parse).transpose()
    }

    pub(super) fn needed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, BadPackage> {
        self.parsed(name)?.ok_or_else(|| BadPackage(format!("{} lacks {name}", self.name)))
    }

    /// `xs:boolean`, false where it is not given.
    pub(super) fn flag(&self, name: &str) -> Result<bool, BadPackage> {
        let Some(text) = self.attribute(name) else { return Ok(false) };
        value::boolean(text).ok_or_else(|| self.bad(name, text, &"true or false is needed"))
    }

    pub(super) fn bad(&self, name: &str, text: &str, reason: &dyn Display) -> BadPackage {
        let text: String = text.chars().take(200).collect();
        BadPackage(format!("{}/@{name} is {text:?}: {reason}", self.name))
    }

    pub(super) fn markup(&self) -> Markup {
        Markup {
            namespace: self.namespace.uri(),
            name: self.name.to_string(),
            attributes: self
                .attributes
                .iter()
                .map(|(key, value)| (key.to_string(), value.clone()))
                .collect::<BTreeMap<_, _>>(),
            text: self.text().to_owned(),
            children: self.children.iter().map(Self::markup).collect(),
        }
    }
}
