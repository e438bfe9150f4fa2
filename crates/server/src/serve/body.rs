//! The bytes of an open file as the body of an answer.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    os::unix::fs::FileExt as _,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use rustix::{
    fs::fstat,
    io::{Errno, ReadWriteFlags, preadv2},
};
use tokio::task::JoinHandle;

use super::{Proved, readers::Lease};

/// Bytes read at a time: stays in the second-level cache on its way from the page cache to the socket.
const CHUNK_BYTES: usize = 256 * 1024;

/// The bytes `at..end` of an open file. What the page cache has is read at once; only what must come from the disk
/// takes the way over a blocking thread.
pub(super) struct FileBody {
    file: Arc<File>,
    at: u64,
    end: u64,
    size_bytes: u64,
    mtime_ns: i64,
    buffers: Buffers,
    reading: Option<JoinHandle<io::Result<Buffer>>>,
    _lease: Lease,
}

impl FileBody {
    pub(super) fn new(proved: &Proved, from: u64, to: u64) -> Self {
        Self {
            file: Arc::clone(&proved.file),
            at: from,
            end: to,
            size_bytes: proved.size_bytes,
            mtime_ns: proved.mtime_ns,
            buffers: Buffers::default(),
            reading: None,
            _lease: proved.lease.clone(),
        }
    }

    fn left(&self) -> usize {
        usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(CHUNK_BYTES)
    }

    /// Reads what is in memory already; none when the disk must be asked.
    fn read_cached(&self) -> io::Result<Option<Buffer>> {
        let mut buffer = self.buffers.take();
        let slice = &mut buffer.bytes[..self.left()];
        match preadv2(&*self.file, &mut [IoSliceMut::new(slice)], self.at, ReadWriteFlags::NOWAIT) {
            Ok(0) => Err(shorter()),
            Ok(length) => {
                buffer.length = length;
                Ok(Some(buffer))
            }
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read_disk(&self) -> JoinHandle<io::Result<Buffer>> {
        let (file, at, left, mut buffer) = (Arc::clone(&self.file), self.at, self.left(), self.buffers.take());
        tokio::task::spawn_blocking(move || {
            buffer.length = file.read_at(&mut buffer.bytes[..left], at)?;
            if buffer.length == 0 { Err(shorter()) } else { Ok(buffer) }
        })
    }

    /// Before the last chunk: whoever wrote into the file while it was sent must not leave the client with a whole
    /// answer. A broken connection tells it to ask again.
    #[allow(clippy::unnecessary_cast, reason = "field types differ between architectures")]
    fn is_unchanged(&self) -> io::Result<bool> {
        let stat = fstat(&*self.file)?;
        let mtime_ns = (stat.st_mtime as i64).saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64);
        Ok(mtime_ns == self.mtime_ns && u64::try_from(stat.st_size).ok() == Some(self.size_bytes))
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Buffer>> {
        if self.reading.is_none() {
            match self.read_cached() {
                Ok(Some(buffer)) => return Poll::Ready(Ok(buffer)),
                Ok(None) => self.reading = Some(self.read_disk()),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let done = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        Poll::Ready(done.unwrap_or_else(|stopped| Err(io::Error::other(stopped))))
    }
}

fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter while it was sent")
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.at >= self.end {
            return Poll::Ready(None);
        }
        let buffer = match ready!(self.poll_read(context)) {
            Ok(buffer) => buffer,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        self.at += buffer.length as u64;
        if self.at >= self.end {
            match self.is_unchanged() {
                Ok(true) => {}
                Ok(false) => {
                    let error = io::Error::other("the file was changed while it was sent");
                    return Poll::Ready(Some(Err(error)));
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(buffer)))))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

/// Buffers of one answer, used again as soon as the socket has taken their bytes: no page is faulted in twice.
#[derive(Clone, Default)]
struct Buffers(Arc<Mutex<Vec<Box<[u8]>>>>);

impl Buffers {
    fn take(&self) -> Buffer {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = free.unwrap_or_else(|| vec![0; CHUNK_BYTES].into_boxed_slice());
        Buffer { bytes, length: 0, home: self.clone() }
    }
}

struct Buffer {
    bytes: Box<[u8]>,
    length: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}
