//! What goes to the sink, counted.

use patchwharf_model::catalogue::{CatalogueHead, Frame, Rejected};

use super::{element::Element, package};
use crate::{FeedError, Limits, Sink};

pub(super) struct Frames<'a> {
    limits: &'a Limits,
    sink: Sink<'a>,
    updates: u64,
    rejected: u64,
}

impl<'a> Frames<'a> {
    pub(super) fn begin(limits: &'a Limits, sink: Sink<'a>) -> Result<Self, FeedError> {
        sink(Frame::Head(CatalogueHead::default()))?;
        Ok(Self { limits, sink, updates: 0, rejected: 0 })
    }

    /// Hands over a package, or says why not. Gives back the key under which it was taken.
    pub(super) fn package(&mut self, document: &str, package: &Element) -> Result<Option<String>, FeedError> {
        if self.updates + self.rejected >= self.limits.entries {
            let allowed = self.limits.entries;
            return Err(FeedError::Limit {
                what: document.to_owned(),
                offset: 0,
                limit: "number of packages",
                allowed,
            });
        }
        match package::update(package, self.limits) {
            Ok(update) => {
                self.updates += 1;
                let key = update.key.clone();
                (self.sink)(Frame::Update(Box::new(update)))?;
                Ok(Some(key))
            }
            Err(reason) => {
                let number = self.updates + self.rejected + 1;
                let item = package::name(package).unwrap_or_else(|| format!("package {number} of {document}"));
                self.rejected(item, reason.to_string())?;
                Ok(None)
            }
        }
    }

    pub(super) fn rejected(&mut self, item: String, reason: String) -> Result<(), FeedError> {
        self.rejected += 1;
        Ok((self.sink)(Frame::Rejected(Rejected { item, reason }))?)
    }

    pub(super) fn end(self) -> Result<(), FeedError> {
        Ok((self.sink)(Frame::End { updates: self.updates, rejected: self.rejected })?)
    }
}
