//! Input in which no single tag or text may go on for ever.

use std::io::{self, BufRead, Read};

use crate::FeedError;

/// Gives an error when more than `most` bytes are used up between two calls of [`Self::begin`].
pub(super) struct Bounded<R> {
    input: R,
    what: String,
    most: u64,
    used: u64,
    offset: u64,
}

impl<R> Bounded<R> {
    pub(super) fn new(what: &str, input: R, most: u64) -> Self {
        Self { input, what: what.to_owned(), most, used: 0, offset: 0 }
    }

    /// The next tag or text begins.
    pub(super) fn begin(&mut self) {
        self.used = 0;
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used > self.most {
            let (what, offset, allowed) = (self.what.clone(), self.offset, self.most);
            return Err(FeedError::Limit { what, offset, limit: "length of a tag or text", allowed }.into());
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.used += amount as u64;
        self.offset += amount as u64;
        self.input.consume(amount);
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
