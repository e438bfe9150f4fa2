//! Compressed indexes, unpacked as a stream under limits.

use std::{
    cell::Cell,
    io::{self, BufReader, Read},
    rc::Rc,
};

use crate::{FeedError, Limits};

/// Memory that an xz stream may ask for, in bytes; Debian's own ask for 65 MiB at most.
const XZ_MEMORY_BYTES: u64 = 256 << 20;
/// Base-2 logarithm of the largest window that a zstd stream may ask for (128 MiB).
const ZSTD_WINDOW_LOG: u32 = 27;

/// How an index is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// xz, the best that archives offer.
    Xz,
    /// Zstandard.
    Zstd,
    /// gzip.
    Gzip,
    /// Not at all.
    None,
}

impl Compression {
    /// All of them, the smallest files first.
    pub const ALL: [Self; 4] = [Self::Xz, Self::Zstd, Self::Gzip, Self::None];

    /// What stands at the end of the file's name.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
            Self::None => "",
        }
    }

    /// Unpacks `packed` as a stream that ends in an error where a limit is passed.
    ///
    /// # Errors
    /// When the decoder cannot be set up.
    pub fn unpack<'a, R: Read + 'a>(
        self,
        what: &'a str,
        packed: R,
        limits: &'a Limits,
    ) -> Result<impl Read + 'a, FeedError> {
        let consumed = Rc::new(Cell::new(0));
        let packed = BufReader::with_capacity(1 << 16, Counted { inner: packed, count: Rc::clone(&consumed) });
        let failed = |error: io::Error| FeedError::from_io(what, 0, error);
        let inner: Box<dyn Read + 'a> = match self {
            Self::Xz => {
                let stream =
                    liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_BYTES, liblzma::stream::CONCATENATED);
                Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream.map_err(|error| failed(error.into()))?))
            }
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(packed).map_err(failed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(failed)?;
                Box::new(decoder)
            }
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::None => Box::new(packed),
        };
        Ok(Bounded { what, inner, limits, consumed, produced: 0, compressed: self != Self::None })
    }
}

struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count.set(self.count.get() + length as u64);
        Ok(length)
    }
}

struct Bounded<'a, R> {
    what: &'a str,
    inner: R,
    limits: &'a Limits,
    consumed: Rc<Cell<u64>>,
    produced: u64,
    compressed: bool,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer).map_err(|error| self.broken(error))?;
        self.produced += length as u64;
        let by_ratio = self.consumed.get().saturating_mul(self.limits.expansion_ratio);
        if self.produced > self.limits.unpacked_bytes {
            return Err(self.limit("its unpacked size in bytes", self.limits.unpacked_bytes));
        }
        if self.produced > self.limits.ratio_floor_bytes && self.produced > by_ratio {
            return Err(self.limit("its unpacked size for each packed byte", self.limits.expansion_ratio));
        }
        Ok(length)
    }
}

impl<R> Bounded<'_, R> {
    fn limit(&self, limit: &'static str, allowed: u64) -> io::Error {
        FeedError::Limit { what: self.what.to_owned(), offset: self.consumed.get(), limit, allowed }.into()
    }

    /// A decoder's complaint about its input is damage; a failure to read the input is not.
    fn broken(&self, error: io::Error) -> io::Error {
        let (what, offset) = (self.what.to_owned(), self.consumed.get());
        match error.kind() {
            io::ErrorKind::UnexpectedEof => FeedError::Truncated { what, offset }.into(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other if self.compressed => {
                match error.downcast::<FeedError>() {
                    Ok(own) => own.into(),
                    Err(error) => FeedError::Damaged { what, offset, reason: error.to_string() }.into(),
                }
            }
            _ => error,
        }
    }
}
