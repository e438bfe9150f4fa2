//! Times in pages: UTC to the second, which the page's script turns into the reader's zone; the exact time on hover.

use std::fmt;

use askama::FastWritable;
use patchwharf_model::Timestamp;

/// A time as HTML. Its text is made here from a number: nothing in it needs escaping.
#[derive(Clone, Copy, Debug)]
pub(super) struct When(pub(super) Timestamp);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.0.strftime("%Y-%m-%dT%H:%M:%SZ");
        let shown = self.0.strftime("%Y-%m-%d %H:%M:%S");
        write!(
            f,
            "<time datetime=\"{exact}\" title=\"{} UTC\">{shown}</time>",
            self.0.strftime("%Y-%m-%d %H:%M:%S%.6f")
        )
    }
}

impl FastWritable for When {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        write!(dest, "{self}")?;
        Ok(())
    }
}

impl askama::filters::HtmlSafe for When {}

/// A time, or a word where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct WhenOr(pub(super) Option<Timestamp>, pub(super) &'static str);

impl fmt::Display for WhenOr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => When(at).fmt(f),
            None => write!(f, "<span class=\"none\">{}</span>", self.1),
        }
    }
}

impl FastWritable for WhenOr {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        write!(dest, "{self}")?;
        Ok(())
    }
}

impl askama::filters::HtmlSafe for WhenOr {}
