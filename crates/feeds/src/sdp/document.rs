//! An XML document as a stream of packages.

use std::{io::BufRead, sync::Arc};

use quick_xml::{
    Error,
    errors::SyntaxError,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
    name::ResolveResult,
    reader::NsReader,
};

use super::{bounded::Bounded, element::Element, namespace::Namespace};
use crate::{FeedError, Limits};

/// Called with each package.
pub(super) type Taker<'a> = &'a mut dyn FnMut(Element) -> Result<Option<String>, FeedError>;

pub(super) struct Document<R> {
    what: String,
    reader: NsReader<Bounded<R>>,
    buffer: Vec<u8>,
    limits: Limits,
    /// The root, without its children.
    root: Element,
}

/// What the next event means.
enum Step {
    Open(Element),
    Close,
    Text(String),
    Nothing,
    End,
}

impl<R: BufRead> Document<R> {
    /// Reads as far as the root element.
    pub(super) fn open(what: &str, mut input: R, limits: &Limits) -> Result<Self, FeedError> {
        let start = input.fill_buf().map_err(|error| FeedError::from_io(what, 0, error))?;
        if matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'<', ..] | [b'<', 0, ..]) {
            let reason = "it is UTF-16; only UTF-8 is read, save it as that".to_owned();
            return Err(FeedError::Unsupported { what: what.to_owned(), reason });
        }
        let mut reader = NsReader::from_reader(Bounded::new(what, input, limits.text_bytes));
        reader.config_mut().expand_empty_elements = true;
        reader.resolver_mut().set_max_namespace_bindings(usize::try_from(limits.attributes * 4).unwrap_or(usize::MAX));
        let nothing = Element {
            namespace: Namespace::Other("".into()),
            name: "".into(),
            attributes: Vec::new(),
            text: String::new(),
            children: Vec::new(),
        };
        let mut document =
            Self { what: what.to_owned(), reader, buffer: Vec::new(), limits: limits.clone(), root: nothing };
        loop {
            match document.step()? {
                Step::Open(root) => {
                    document.root = root;
                    return Ok(document);
                }
                Step::Text(text) if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
                Step::Nothing => {}
                Step::End => return Err(document.truncated()),
                Step::Text(_) | Step::Close => return Err(document.malformed("it is not XML")),
            }
        }
    }

    pub(super) fn is_catalogue(&self) -> bool {
        self.root.is(&Namespace::Smc, "SystemsManagementCatalog") || is_package(&self.root)
    }

    /// Reads to the end and hands over each package.
    pub(super) fn packages(mut self, take: Taker<'_>) -> Result<(), FeedError> {
        if is_package(&self.root) {
            let root = Element {
                attributes: std::mem::take(&mut self.root.attributes),
                name: self.root.name.clone(),
                namespace: self.root.namespace.clone(),
                text: String::new(),
                children: Vec::new(),
            };
            // Counted as in a catalogue: what nests in it may not be deeper in the JSON of a frame than a reader goes.
            let package = self.tree(root, 2)?;
            take(package)?;
        } else if self.is_catalogue() {
            loop {
                match self.step()? {
                    Step::Open(element) => {
                        let element = self.tree(element, 2)?;
                        if is_package(&element) {
                            take(element)?;
                        }
                    }
                    Step::Close => break,
                    Step::Text(_) | Step::Nothing => {}
                    Step::End => return Err(self.truncated()),
                }
            }
        } else {
            let reason = format!("its root element is {:?}, neither a catalogue nor a package of SDP", self.root.name);
            return Err(self.malformed(reason));
        }
        loop {
            match self.step()? {
                Step::End => return Ok(()),
                Step::Nothing => {}
                Step::Text(text) if text.trim().is_empty() => {}
                _ => return Err(self.malformed("it goes on after its root element")),
            }
        }
    }

    /// Reads the content of an element at `depth`, to its end.
    fn tree(&mut self, root: Element, depth: u64) -> Result<Element, FeedError> {
        let begin = self.reader.buffer_position();
        let mut elements = 1;
        let mut open = vec![root];
        loop {
            match self.step()? {
                Step::Open(element) => {
                    elements += 1;
                    let used = self.reader.buffer_position() - begin;
                    for (found, limit, allowed) in [
                        (depth + open.len() as u64, "nesting of elements", self.limits.depth),
                        (elements, "number of elements in a package", self.limits.elements),
                        (used, "length of a package", self.limits.entry_bytes),
                    ] {
                        if found > allowed {
                            return Err(self.limit(limit, allowed));
                        }
                    }
                    open.push(element);
                }
                Step::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text);
                        if element.text.len() as u64 > self.limits.text_bytes {
                            return Err(self.limit("length of a tag or text", self.limits.text_bytes));
                        }
                    }
                }
                Step::Close => match (open.pop(), open.last_mut()) {
                    (Some(element), Some(parent)) => parent.children.push(element),
                    (Some(element), None) => return Ok(element),
                    (None, _) => return Err(self.malformed("an element ends that did not begin")),
                },
                Step::Nothing => {}
                Step::End => return Err(self.truncated()),
            }
        }
    }

    fn step(&mut self) -> Result<Step, FeedError> {
        self.reader.get_mut().begin();
        self.buffer.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        let step = match self.reader.read_event_into(&mut buffer) {
            Ok(event) => self.meaning(event),
            Err(error) => Err(self.broken(error)),
        };
        self.buffer = buffer;
        step
    }

    fn meaning(&self, event: Event<'_>) -> Result<Step, FeedError> {
        Ok(match event {
            Event::Start(start) | Event::Empty(start) => Step::Open(self.element(&start)?),
            Event::End(_) => Step::Close,
            Event::Text(text) => Step::Text(clean(&text.xml10_content())),
            Event::CData(text) => Step::Text(clean(&text.xml10_content())),
            Event::GeneralRef(reference) => Step::Text(self.reference(&reference)?),
            Event::Comment(_) | Event::PI(_) => Step::Nothing,
            Event::Decl(declaration) => match declaration.encoding() {
                None => Step::Nothing,
                Some(Ok(name)) if ["utf-8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known)) => {
                    Step::Nothing
                }
                Some(encoding) => {
                    let name = encoding.map_or_else(|error| error.to_string(), |name| format!("{name:?}"));
                    let reason = format!("its encoding is {name}; only UTF-8 is read, save it as that");
                    return Err(FeedError::Unsupported { what: self.what.clone(), reason });
                }
            },
            Event::DocType(_) => {
                let reason = "it has a document type declaration; no catalogue needs one, and none is read".to_owned();
                return Err(FeedError::Unsupported { what: self.what.clone(), reason });
            }
            Event::Eof => Step::End,
        })
    }

    fn element(&self, start: &BytesStart<'_>) -> Result<Element, FeedError> {
        let resolver = self.reader.resolver();
        let (namespace, name) = resolver.resolve_element(start.name());
        let namespace = match namespace {
            ResolveResult::Bound(namespace) => Namespace::of(namespace.as_ref()),
            ResolveResult::Unbound => Namespace::Other("".into()),
            ResolveResult::Unknown(prefix) => {
                return Err(self.malformed(format!("the prefix {prefix:?} is not declared")));
            }
        };
        let mut attributes = Vec::new();
        let mut count = 0;
        for attribute in start.attributes() {
            count += 1;
            if count > self.limits.attributes {
                return Err(self.limit("number of attributes", self.limits.attributes));
            }
            let attribute = attribute.map_err(|error| self.malformed(error.to_string()))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (namespace, local) = resolver.resolve_attribute(attribute.key);
            let key = match namespace {
                ResolveResult::Bound(namespace) => format!("{{{}}}{}", namespace.as_ref(), local.as_ref()).into(),
                _ => local.as_ref().into(),
            };
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|error| self.malformed(format!("attribute {key}: {error}")))?;
            attributes.push((key, clean(&value)));
        }
        Ok(Element { namespace, name: name.as_ref().into(), attributes, text: String::new(), children: Vec::new() })
    }

    fn reference(&self, reference: &BytesRef<'_>) -> Result<String, FeedError> {
        match reference.resolve_char_ref() {
            Ok(Some(character)) => return Ok(clean(character.encode_utf8(&mut [0; 4]))),
            Ok(None) => {}
            Err(error) => return Err(self.malformed(error.to_string())),
        }
        let name = reference.xml10_content();
        match resolve_predefined_entity(&name) {
            Some(text) => Ok(text.to_owned()),
            None => {
                Err(self
                    .malformed(format!("the entity {:?} is not declared", name.chars().take(100).collect::<String>())))
            }
        }
    }

    fn broken(&self, error: Error) -> FeedError {
        match error {
            Error::Io(error) => match Arc::try_unwrap(error) {
                Ok(error) => FeedError::from_io(&self.what, self.offset(), error),
                Err(shared) => {
                    let source = std::io::Error::new(shared.kind(), shared.to_string());
                    FeedError::Read { what: self.what.clone(), offset: self.offset(), source }
                }
            },
            // These mean that the document ended inside a piece of markup.
            Error::Syntax(
                SyntaxError::UnclosedTag
                | SyntaxError::UnclosedComment
                | SyntaxError::UnclosedCData
                | SyntaxError::UnclosedDoctype
                | SyntaxError::UnclosedXmlDecl
                | SyntaxError::UnclosedPI
                | SyntaxError::UnclosedSingleQuotedAttributeValue
                | SyntaxError::UnclosedDoubleQuotedAttributeValue,
            ) => self.truncated(),
            other => self.malformed(other.to_string()),
        }
    }

    fn offset(&self) -> u64 {
        self.reader.buffer_position()
    }

    fn truncated(&self) -> FeedError {
        FeedError::Truncated { what: self.what.clone(), offset: self.offset() }
    }

    fn malformed(&self, reason: impl Into<String>) -> FeedError {
        FeedError::Malformed { what: self.what.clone(), offset: self.offset(), reason: reason.into() }
    }

    fn limit(&self, limit: &'static str, allowed: u64) -> FeedError {
        FeedError::Limit { what: self.what.clone(), offset: self.offset(), limit, allowed }
    }
}

fn is_package(element: &Element) -> bool {
    *element.name == *"SoftwareDistributionPackage" && matches!(element.namespace, Namespace::Smc | Namespace::Sdp)
}

/// Characters that XML forbids (NUL among them, which PostgreSQL does not store) become U+FFFD.
fn clean(text: &str) -> String {
    let forbidden = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains(forbidden) { text.replace(forbidden, "\u{fffd}") } else { text.to_owned() }
}
