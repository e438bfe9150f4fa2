//! A file on its way: `.staging/<digest>/`.

mod aside;
mod error;
mod meta;
mod verified;

use std::sync::{Arc, Mutex};

use patchwharf_model::{Sha256, update::VendorDigest};
use patchwharf_trust::FileHasher;
use serde::{Deserialize, Serialize};

use crate::{
    Location,
    error::Attempt as _,
    fault::{self, Mutant, Step},
    layout,
    location::Slot,
    stamp,
};
pub(crate) use aside::Aside;
pub use error::PartialError;
pub use verified::Verified;
pub(crate) use verified::{Body, is_same};

/// Files up to this length stay in memory until they are placed: no second inode, no rename for the many small ones.
pub const SMALL_BYTES: u64 = 64 * 1024;

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expected {
    /// The vendor's digest: names the folder in `.staging`.
    pub digest: VendorDigest,
    /// Its length in bytes, as the vendor pins it.
    pub size_bytes: u64,
    /// The SHA-256 that an earlier download computed, where the vendor gives SHA-1 only.
    pub pinned: Option<Sha256>,
}

/// Where the bytes come from; kept beside them so that a later process can go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The URL.
    pub url: String,
    /// What `If-Range` needs: a strong ETag, else Last-Modified.
    pub validator: Option<String>,
}

/// A file that is being written. Dropping it keeps what can be resumed.
#[derive(Debug)]
pub struct Partial {
    location: Arc<Location>,
    expected: Expected,
    source: Option<Source>,
    hasher: FileHasher,
    /// None: thrown away after an error.
    bytes: Option<Bytes>,
    slot: Option<Slot>,
}

#[derive(Debug)]
enum Bytes {
    Memory(Vec<u8>),
    Aside(Box<Aside>),
}

impl Partial {
    /// Starts or resumes the download of a file; only one at a time.
    ///
    /// # Errors
    /// [`PartialError::Busy`], or when the disk fails.
    pub fn open(location: &Arc<Location>, expected: Expected) -> Result<Self, PartialError> {
        let name = layout::partial_name(&expected.digest);
        let busy = || PartialError::Busy { name: name.clone() };
        let slot = Slot::take(&location.in_flight, name.clone()).map_err(|_| busy())?;
        let mut hasher = FileHasher::for_pin(&expected.digest);
        let (bytes, source) = if expected.size_bytes <= SMALL_BYTES {
            (Bytes::Memory(Vec::new()), None)
        } else {
            let (mut aside, source) = Aside::open(location, &name, expected.size_bytes)?.map_err(|_| busy())?;
            if aside.have_bytes() > expected.size_bytes {
                aside.restart()?;
            }
            aside.rehash(&mut hasher)?;
            (Bytes::Aside(Box::new(aside)), source)
        };
        let location = Arc::clone(location);
        let mut partial = Self { location, expected, source, hasher, bytes: Some(bytes), slot: Some(slot) };
        if partial.have_bytes() == partial.expected.size_bytes
            && partial.compare(&partial.hasher.clone().finish()).is_err()
        {
            // Whoever spoilt it: what is here is not the file, and that must not be laid to the next response.
            partial.restart()?;
        }
        Ok(partial)
    }

    /// What the file must be.
    #[must_use]
    pub fn expected(&self) -> &Expected {
        &self.expected
    }

    /// Bytes already there: where to resume. 0: start anew. All of them: only [`Self::finish`] is left to do.
    #[must_use]
    pub fn have_bytes(&self) -> u64 {
        self.hasher.size_bytes()
    }

    /// Where those bytes came from.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// A response begins: its body is the file from byte `at` on. `at` is 0 or [`Self::have_bytes`]; with 0 the bytes
    /// that were there are dropped.
    ///
    /// # Errors
    /// [`PartialError::Gap`], or when the disk fails; then the file was thrown away.
    pub fn begin(&mut self, source: Source, at: u64) -> Result<(), PartialError> {
        let have = self.have_bytes();
        if at != 0 && at != have {
            return Err(PartialError::Gap { at, have });
        }
        if at == 0 && have > 0 {
            self.restart()?;
        }
        self.source = Some(source);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), PartialError> {
        self.hasher = FileHasher::for_pin(&self.expected.digest);
        let restarted = match self.bytes.as_mut().ok_or(PartialError::Spent)? {
            Bytes::Memory(bytes) => {
                bytes.clear();
                Ok(())
            }
            Bytes::Aside(aside) => aside.restart(),
        };
        if restarted.is_err() {
            self.throw_away();
        }
        Ok(restarted?)
    }

    /// Takes the next bytes in. Pieces of 256 KiB and more are best.
    ///
    /// # Errors
    /// [`PartialError::TooLong`] at the first byte too many; else when the disk fails. The file was thrown away.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PartialError> {
        let expected = self.expected.size_bytes;
        if self.have_bytes() + bytes.len() as u64 > expected && !fault::mutant(Mutant::NoLengthCap) {
            self.throw_away();
            return Err(PartialError::TooLong { expected });
        }
        let written = self.keep(bytes);
        if matches!(written, Err(PartialError::Disk(_))) {
            self.throw_away();
        }
        written?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), PartialError> {
        let path = || self.location.path().join(layout::STAGING);
        fault::at(Step::StageBeforeWrite).attempt("pass a test step in", path)?;
        match self.bytes.as_mut().ok_or(PartialError::Spent)? {
            Bytes::Memory(kept) => kept.extend_from_slice(bytes),
            Bytes::Aside(aside) => aside.write(bytes, self.source.as_ref())?,
        }
        Ok(fault::at(Step::StageAfterWrite).attempt("pass a test step in", path)?)
    }

    /// The body is at its end: compares length and digest. Nothing is durable yet; that comes with placing.
    ///
    /// # Errors
    /// [`PartialError::TooShort`] (kept, open it again to resume), a wrong digest or a failed disk (thrown away).
    pub fn finish(mut self) -> Result<Verified, PartialError> {
        let (found, expected) = (self.have_bytes(), self.expected.size_bytes);
        if found < expected {
            return Err(PartialError::TooShort { found, expected });
        }
        let digests = std::mem::take(&mut self.hasher).finish();
        if let Err(wrong) = self.compare(&digests) {
            self.throw_away();
            return Err(wrong);
        }
        let slot = self.slot.take().ok_or(PartialError::Spent)?;
        let body = match self.bytes.take().ok_or(PartialError::Spent)? {
            Bytes::Memory(bytes) => Body::Memory { bytes, _slot: slot },
            Bytes::Aside(aside) => {
                crate::inode::start_writeback(&aside.data, 0);
                let hashed = stamp::of(&aside.data).attempt("look at", || aside.data_path())?;
                Body::Aside { aside, hashed, _slot: slot }
            }
        };
        fault::at(Step::StageAfterVerify)
            .attempt("pass a test step in", || self.location.path().join(layout::STAGING))?;
        Ok(Verified { digests, body: Mutex::new(body) })
    }

    fn compare(&self, digests: &patchwharf_trust::FileDigests) -> Result<(), PartialError> {
        let found = digests.sha256;
        if digests.size_bytes > self.expected.size_bytes {
            return Err(PartialError::TooLong { expected: self.expected.size_bytes });
        }
        match self.expected.digest {
            VendorDigest::Sha256(expected) if expected != found => {
                return Err(PartialError::WrongSha256 { expected, found });
            }
            VendorDigest::Sha1(expected) if digests.sha1 != Some(expected) => {
                return Err(PartialError::WrongSha1 { expected, found });
            }
            VendorDigest::Sha256(_) | VendorDigest::Sha1(_) => {}
        }
        match self.expected.pinned {
            Some(expected) if expected != found => Err(PartialError::WrongSha256 { expected, found }),
            _ => Ok(()),
        }
    }

    /// Throws the file away.
    ///
    /// # Errors
    /// When the disk fails; the next start clears it.
    pub fn discard(mut self) -> Result<(), PartialError> {
        match self.bytes.take() {
            Some(Bytes::Aside(aside)) => Ok(aside.remove()?),
            Some(Bytes::Memory(_)) | None => Ok(()),
        }
    }

    /// An error is final for a file: what is there is not used again.
    fn throw_away(&mut self) {
        if let Some(Bytes::Aside(aside)) = self.bytes.take()
            && let Err(error) = aside.remove()
        {
            tracing::warn!(error = %error, "a file on its way could not be removed; it is not used again");
            // Nobody in this process may take up bytes that the disk may not have.
            std::mem::forget(self.slot.take());
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(Bytes::Aside(aside)) = &mut self.bytes
            && aside.have_bytes() > 0
            && let Err(error) = aside.note(self.source.as_ref())
        {
            tracing::warn!(error = %error, "a file on its way cannot be resumed later");
        }
    }
}
