//! Control files (deb822(5), Debian Policy 5.1): stanzas of `Name: value` with continuation lines.

use std::{io::BufRead, ops::Range};

use crate::{FeedError, Limits};

/// One stanza. Reused from one to the next, so that a long index costs no allocations.
#[derive(Debug, Default)]
pub struct Stanza {
    text: String,
    fields: Vec<(Range<usize>, Range<usize>)>,
    /// Where it begins in its file, in bytes.
    pub offset: u64,
    /// What makes it unusable alone, such as a field given twice; the next stanza is not concerned.
    pub fault: Option<String>,
}

impl Stanza {
    /// The value of a field; names do not distinguish case. Continuation lines are joined by LF without their leading
    /// white space, and a line of one dot is an empty line.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()]))
    }

    fn clear(&mut self, offset: u64) {
        self.text.clear();
        self.fields.clear();
        self.offset = offset;
        self.fault = None;
    }

    fn add_field(&mut self, name: &str, value: &str) {
        let name_from = self.text.len();
        self.text.push_str(name);
        let value_from = self.text.len();
        self.text.push_str(value);
        self.fields.push((name_from..value_from, value_from..self.text.len()));
    }

    /// Notes a field that is given twice: readers differ in which one they believe.
    fn note_duplicates(&mut self) {
        let name = |field: &(Range<usize>, _)| self.text[field.0.clone()].to_ascii_lowercase();
        let mut names: Vec<String> = self.fields.iter().map(name).collect();
        names.sort_unstable();
        self.fault =
            names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| format!("field {} is given twice", pair[0]));
    }

    fn continue_field(&mut self, line: &str) -> bool {
        let Some((_, value)) = self.fields.last_mut() else { return false };
        self.text.push('\n');
        self.text.push_str(if line == "." { "" } else { line });
        value.end = self.text.len();
        true
    }
}

/// Reads stanzas one after the other.
pub struct Stanzas<'a, R> {
    what: &'a str,
    reader: R,
    limits: &'a Limits,
    line: Vec<u8>,
    offset: u64,
    count: u64,
}

impl<'a, R: BufRead> Stanzas<'a, R> {
    /// A reader of `what`.
    pub fn new(what: &'a str, reader: R, limits: &'a Limits) -> Self {
        Self { what, reader, limits, line: Vec::new(), offset: 0, count: 0 }
    }

    /// Reads the next stanza into `stanza`; false at the end.
    ///
    /// # Errors
    /// When the bytes cannot be had, are no control file, or break a limit.
    pub fn next(&mut self, stanza: &mut Stanza) -> Result<bool, FeedError> {
        stanza.clear(self.offset);
        let mut bytes = 0;
        loop {
            let before = self.offset;
            if !self.read_line()? {
                break;
            }
            let line = self.line.trim_ascii_end();
            if line.is_empty() {
                if stanza.fields.is_empty() {
                    stanza.offset = self.offset;
                    continue;
                }
                break;
            }
            if self.line[0] == b'#' {
                continue;
            }
            bytes += line.len() as u64;
            if bytes > self.limits.entry_bytes {
                return Err(self.too_many(before, "the size of one entry in bytes", self.limits.entry_bytes));
            }
            if stanza.fields.len() as u64 >= self.limits.entry_fields {
                return Err(self.too_many(before, "the fields of one entry", self.limits.entry_fields));
            }
            let line = String::from_utf8_lossy(line);
            if self.line[0].is_ascii_whitespace() {
                if !stanza.continue_field(line.trim_start()) {
                    return Err(self.malformed(before, "a continuation line stands before any field"));
                }
            } else {
                match line.split_once(':') {
                    Some((name, value)) if is_name(name) => stanza.add_field(name, value.trim()),
                    _ => return Err(self.malformed(before, "a line is neither `Name: value` nor a continuation")),
                }
            }
        }
        if stanza.fields.is_empty() {
            return Ok(false);
        }
        stanza.note_duplicates();
        self.count += 1;
        if self.count > self.limits.entries {
            return Err(self.too_many(stanza.offset, "the number of entries", self.limits.entries));
        }
        Ok(true)
    }

    /// Reads a line with its end into the buffer; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, FeedError> {
        self.line.clear();
        let allowed = self.limits.text_bytes;
        let mut limited = std::io::Read::take(&mut self.reader, allowed + 1);
        limited.read_until(b'\n', &mut self.line).map_err(|error| FeedError::from_io(self.what, self.offset, error))?;
        let length = self.line.len() as u64;
        if length > allowed {
            return Err(self.too_many(self.offset, "the length of one line in bytes", allowed));
        }
        self.offset += length;
        Ok(length > 0)
    }

    fn malformed(&self, offset: u64, reason: &str) -> FeedError {
        FeedError::Malformed { what: self.what.to_owned(), offset, reason: reason.to_owned() }
    }

    fn too_many(&self, offset: u64, limit: &'static str, allowed: u64) -> FeedError {
        FeedError::Limit { what: self.what.to_owned(), offset, limit, allowed }
    }
}

/// Policy 5.1: printable ASCII but space and colon, not beginning with `#` or `-`.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str, limits: &Limits) -> Result<Vec<Vec<(String, String)>>, FeedError> {
        let mut stanzas = Stanzas::new("test", text.as_bytes(), limits);
        let (mut stanza, mut all) = (Stanza::default(), Vec::new());
        while stanzas.next(&mut stanza)? {
            assert_eq!(stanza.fault, None);
            all.push(stanza.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
        }
        Ok(all)
    }

    #[test]
    fn stanzas_fields_and_continuations_are_read() {
        let text = "\n\nPackage: a\nDescription: one\n two\n .\n   three\n# remark\nEmpty:\n\n\r\nPackage:b\r\n";
        let all = read(text, &Limits::default()).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(all[0], [pair("Package", "a"), pair("Description", "one\ntwo\n\nthree"), pair("Empty", "")]);
        assert_eq!(all[1], [pair("Package", "b")]);
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn v_13_a_million_fields_are_refused_early() {
        let text = "F: v\n".repeat(1_000_000);
        assert_eq!(read(&text, &Limits::default()).unwrap_err().code(), "limit");
        let names: String = (0..1_000_000).map(|n| format!("F{n}: v\n")).collect();
        assert_eq!(read(&names, &Limits::default()).unwrap_err().code(), "limit");
    }

    #[test]
    fn an_endless_line_or_entry_is_refused() {
        let limits = Limits { text_bytes: 100, entry_bytes: 500, ..Limits::default() };
        assert_eq!(read(&format!("A: {}\n", "x".repeat(200)), &limits).unwrap_err().code(), "limit");
        assert_eq!(read(&format!("A: b\n{}", " xxxxxxxxxxxxxxxxx\n".repeat(50)), &limits).unwrap_err().code(), "limit");
    }

    #[test]
    fn what_is_no_control_file_is_refused_with_the_place() {
        for (text, at) in [("<html>\n", 0), (" x\n", 0), ("A: b\nno colon\n", 5), ("A: b\n-x: y\n", 5), ("A b: c\n", 0)]
        {
            let error = read(text, &Limits::default()).unwrap_err();
            assert!(matches!(error, FeedError::Malformed { offset, .. } if offset == at), "{error}");
        }
    }

    #[test]
    fn a_field_given_twice_spoils_only_its_own_entry() {
        let mut stanzas = Stanzas::new("test", &b"A: 1\na: 2\n\nA: 3\n"[..], Box::leak(Box::default()));
        let mut stanza = Stanza::default();
        assert!(stanzas.next(&mut stanza).unwrap());
        assert_eq!(stanza.fault.as_deref(), Some("field a is given twice"));
        assert!(stanzas.next(&mut stanza).unwrap());
        assert_eq!((stanza.fault.as_deref(), stanza.get("a"), stanza.offset), (None, Some("3"), 11));
        assert!(!stanzas.next(&mut stanza).unwrap());
    }
}
