//! The bytes of a cabinet, counted.

use std::io::{BufReader, Read};

use crate::FeedError;

#[derive(Debug)]
pub(super) struct Source<R> {
    name: String,
    input: BufReader<R>,
    offset: u64,
    /// Where the cabinet ends by its own word; a signature may follow.
    end: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(name: &str, input: R) -> Self {
        Self { name: name.to_owned(), input: BufReader::with_capacity(64 * 1024, input), offset: 0, end: u64::MAX }
    }

    pub(super) fn end_at(&mut self, end: u64) {
        self.end = end;
    }

    pub(super) fn bytes(&mut self, buffer: &mut [u8]) -> Result<(), FeedError> {
        if self.offset + buffer.len() as u64 > self.end {
            return Err(self.malformed("it goes on past the length that it gives itself"));
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => return Err(FeedError::Truncated { what: self.name.clone(), offset: self.offset }),
                Ok(read) => {
                    filled += read;
                    self.offset += read as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FeedError::from_io(&self.name, self.offset, error)),
            }
        }
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FeedError> {
        let mut buffer = [0; N];
        self.bytes(&mut buffer)?;
        Ok(buffer)
    }

    pub(super) fn u8(&mut self) -> Result<u8, FeedError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, FeedError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, FeedError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn skip(&mut self, mut amount: u64) -> Result<(), FeedError> {
        let mut scratch = [0; 4096];
        while amount > 0 {
            let step = usize::try_from(amount).unwrap_or(usize::MAX).min(scratch.len());
            self.bytes(&mut scratch[..step])?;
            amount -= step as u64;
        }
        Ok(())
    }

    /// Goes on to an offset. There is no way back.
    pub(super) fn advance_to(&mut self, offset: u64) -> Result<(), FeedError> {
        match offset.checked_sub(self.offset) {
            Some(gap) => self.skip(gap),
            None => Err(self.malformed(format!("what should begin at byte {offset} overlaps what comes before it"))),
        }
    }
}

impl<R> Source<R> {
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn malformed(&self, reason: impl Into<String>) -> FeedError {
        FeedError::Malformed { what: self.name.clone(), offset: self.offset, reason: reason.into() }
    }

    pub(super) fn damaged(&self, reason: impl Into<String>) -> FeedError {
        FeedError::Damaged { what: self.name.clone(), offset: self.offset, reason: reason.into() }
    }

    pub(super) fn unsupported(&self, reason: impl Into<String>) -> FeedError {
        FeedError::Unsupported { what: self.name.clone(), reason: reason.into() }
    }

    pub(super) fn limit(&self, limit: &'static str, allowed: u64) -> FeedError {
        FeedError::Limit { what: self.name.clone(), offset: self.offset, limit, allowed }
    }
}
